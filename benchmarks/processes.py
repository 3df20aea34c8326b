"""Servers as trees of processes: started, measured, ended."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

# One thread for sums in every server alike; nobody calls home.
QUIET = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "BENTOML_DO_NOT_TRACK": "True",
}

_GRACE_SECONDS = 2.0


@contextmanager
def process(
    command: Sequence[str], variables: Mapping[str, str], log: Path, folder: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in a session of its own, its output in `log`; what it started ends with it."""
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    with log.open("ab") as output:
        started = subprocess.Popen(
            command,
            env={**os.environ, **QUIET, "PATH": path, **variables},
            stdout=output,
            stderr=output,
            cwd=folder,
            start_new_session=True,
        )
    try:
        yield started
    finally:
        _end(started)


def _end(started: subprocess.Popen[bytes]) -> None:
    """Ask the command to stop, then end whatever is left of its tree: nobody waits for its callers any more."""
    family = _family(started.pid)
    resume(started.pid)
    with contextlib.suppress(ProcessLookupError):
        os.kill(started.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        started.wait(_GRACE_SECONDS)
    for each in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    started.wait()


def suspend(pid: int) -> None:
    """Stop the tree where it is, so that it costs the others nothing."""
    for each in _family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            each.suspend()


def resume(pid: int) -> None:
    """Let the tree go on."""
    for each in _family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            each.resume()


def _family(pid: int) -> list[psutil.Process]:
    try:
        head = psutil.Process(pid)
        return [head, *head.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(pid: int) -> float:
    """Processor time that the tree has used so far, in user and system mode, children that have ended included."""
    total = 0.0
    for each in _family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            used = each.cpu_times()
            total += used.user + used.system + used.children_user + used.children_system
    return total


def memory_bytes(pid: int) -> int:
    """The tree's share of memory (PSS): what is shared between processes counts once."""
    total = 0
    for each in _family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += each.memory_full_info().pss
    return total


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


PYTHON = sys.executable
