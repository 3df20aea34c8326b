"""How child processes end, and what becomes of those whose parent dies: asked of the kernel, by Linux's prctl(2)."""

from __future__ import annotations

import ctypes
import signal
import subprocess

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def end_with_parent() -> None:
    """Have the kernel send this process SIGTERM when the thread that started it is gone; kept across `exec`."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def adopt_orphans() -> None:
    """Have what descendants leave behind become children of this process, instead of the system's first one's."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end(child: subprocess.Popen[bytes], seconds: float) -> None:
    """Ask it to end, make it end after so many seconds, and wait until it is gone."""
    child.terminate()
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value)  # what this kernel lacks is done without
