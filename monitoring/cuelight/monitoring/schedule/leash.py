"""`python -m cuelight.monitoring.schedule.leash PARENT COMMAND...`: the command, which ends with its parent.

The command asks the kernel for it itself: code between fork and exec is not safe where threads run, as they do in the
scheduler. PARENT is the parent's process id, which may be gone before it could be asked for.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from cuelight.kit.children import end_with_parent


def main(parent: str, *command: str) -> None:
    """Become the command."""
    end_with_parent()
    if os.getppid() != int(parent):
        sys.exit(128 + signal.SIGTERM)
    os.execv(command[0], command)  # noqa: S606  no shell is wanted


def leashed(command: Sequence[str]) -> list[str]:
    """The command line of a command that gets SIGTERM when this process is gone; its program by its whole path."""
    return [sys.executable, "-m", __spec__.name, str(os.getpid()), *command]


if __name__ == "__main__":
    main(*sys.argv[1:])
