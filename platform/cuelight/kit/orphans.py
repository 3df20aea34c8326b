"""What becomes of processes whose parent dies, however it dies: asked of the kernel, by Linux's prctl(2)."""

from __future__ import annotations

import ctypes
import signal

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def end_with_parent() -> None:
    """Have the kernel send this process SIGTERM when the thread that started it is gone; kept across `exec`."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def adopt_orphans() -> None:
    """Have what descendants leave behind become children of this process, instead of the system's first one's."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value)  # what this kernel lacks is done without
