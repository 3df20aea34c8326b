"""Trials as they are, each in a process of its own, but forked from one that has imported what most of them need.

Nearly all that the trial of a small model costs is imports. Trials that start from nothing have tests of their own,
and followers that are processes have no others.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache, partial
from threading import Lock, Thread

from cuelight.registry.trusted_types import allowed_types
from cuelight.serving.versions import trial
from cuelight.serving.versions.loader import ONE_THREAD

_NEEDED = ("cloudpickle", "pandas", "scipy.linalg", "skops.io")
_NUMBER = struct.Struct("<i")


class Forked:
    """A trial's process, as far as `trial.run` uses a `Popen`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.returncode = 0
        orders, self._orders = os.pipe()
        self._answers, answers = os.pipe()
        with _ASKING:
            self._keeper = socket.socket(socket.AF_UNIX)
            _nursery()
            self._keeper.connect(_address(os.getpid()))
        socket.send_fds(self._keeper, [b"\0"], [orders, answers])
        self._keeper.sendall(json.dumps(dict(environment)).encode() + b"\n")
        os.close(orders)
        os.close(answers)
        self.pid = self._number()

    def communicate(self, order: bytes | None = None, timeout: float | None = None) -> tuple[bytes, None]:
        """Hand it the order, wait for its end, and read what it wrote: no more than fits into a pipe."""
        if order is not None:
            Thread(target=self._hand, args=(order,), daemon=True).start()
        if self._keeper.fileno() < 0:  # it has ended, and was read
            return b"", None
        self._keeper.settimeout(timeout)
        try:
            self.returncode = self._number()
        except TimeoutError as error:
            raise subprocess.TimeoutExpired("trial", timeout or 0.0) from error
        os.set_blocking(self._answers, False)
        try:
            return os.read(self._answers, 1 << 16), None
        except BlockingIOError:  # it left a child behind
            return b"", None
        finally:
            os.close(self._answers)
            self._keeper.close()

    def _number(self) -> int:
        (number,) = _NUMBER.unpack(self._keeper.recv(_NUMBER.size, socket.MSG_WAITALL))
        return int(number)

    def _hand(self, order: bytes) -> None:
        with suppress(BrokenPipeError), os.fdopen(self._orders, "wb") as pipe:
            pipe.write(order)


run = partial(trial.run, start=Forked)
_ASKING = Lock()


def _address(pid: int) -> str:
    return f"\0cuelight-trials-{pid}"


@cache
def _nursery() -> subprocess.Popen[bytes]:
    """The process that trials are forked from; it ends with this one."""
    command = [sys.executable, "-m", __name__, str(os.getpid())]
    environment = {**ONE_THREAD, **os.environ}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline(), "nobody is there to fork trials"
    return process


def _serve(pid: int) -> None:
    """Fork for everybody who connects, until the process with that number is gone."""
    for each in _NEEDED:
        importlib.import_module(each)
    allowed_types()  # all of scikit-learn
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for keepers
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(_address(pid))
        server.listen()
        os.write(1, b"ready\n")
        while True:
            ready, _, _ = select.select([server, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            keeper, _ = server.accept()
            with keeper:
                if os.fork() == 0:
                    server.close()
                    _keep(keeper)


def _keep(keeper: socket.socket) -> None:
    """Fork the trial, and say which process it is and how it ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, pipes, _, _ = socket.recv_fds(keeper, 1, 2)
    environment = json.loads(keeper.makefile("rb").readline())
    child = os.fork()
    if child == 0:
        keeper.close()
        _try_out(pipes, environment)
    for each in pipes:
        os.close(each)
    keeper.sendall(_NUMBER.pack(child))
    _, status = os.waitpid(child, 0)
    with suppress(BrokenPipeError):
        keeper.sendall(_NUMBER.pack(os.waitstatus_to_exitcode(status)))
    os._exit(0)


def _try_out(pipes: list[int], environment: dict[str, str]) -> None:
    """What `python -m cuelight.serving.versions.trial` does."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_WRONLY)
    for number, each in enumerate((*pipes, nothing)):
        os.dup2(each, number)
        os.close(each)
    os.environ.clear()
    os.environ.update(environment)
    code = 1
    try:
        trial.main()
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
