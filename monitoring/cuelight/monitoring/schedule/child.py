"""A `cuelight` command as a child process with a log of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from cuelight.kit.identity import new_id
from cuelight.monitoring.schedule.leash import leashed

_KEPT_LOGS = 20  # of each job
_TAIL = 2_000


class Child:
    """A running command, in a process group of its own so that what it starts ends with it; it ends with its parent."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                leashed(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def tail(self) -> str:
        """The end of what it said."""
        with contextlib.suppress(OSError):
            return self.log.read_bytes()[-_TAIL:].decode("utf-8", "replace").strip()
        return ""

    def end(self, seconds: float = 10.0) -> None:
        """Ask the whole group to end, and make it end."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
                break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """End the whole group at once, so that it can't give its work back as if it had been told to stop."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def cuelight(*arguments: str) -> list[str]:
    """The command line of a Cuelight command in this environment."""
    return [sys.executable, "-m", "cuelight.cli", *arguments]


def new_log(folder: Path, name: str, kept: int = _KEPT_LOGS) -> Path:
    """Where a job's next run writes; of the logs of its earlier runs only the newest are left."""
    stem = quote(name, safe="")[:100]
    folder.mkdir(parents=True, exist_ok=True)
    newest_first = sorted(folder.glob(f"{stem}-{'?' * 32}.log"), reverse=True)  # ids begin with their moment
    for path in newest_first[kept - 1 :]:
        path.unlink(missing_ok=True)
    return folder.absolute() / f"{stem}-{new_id()}.log"
