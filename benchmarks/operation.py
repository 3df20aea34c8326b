"""A scoring server with a follower beside it, in a process of its own as in real life, that does what it is told.

The follower's process is `python -m MODULE HOME MODEL FOLDER PORT`; it takes orders from standard input, a line each,
and answers each with a line.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from benchmarks.environments import Missing
from benchmarks.models import Model
from benchmarks.peers.cuelight import Cuelight, follow, variables
from benchmarks.peers.peer import Running
from benchmarks.processes import QUIET, free_port, process
from cuelight.registry.memory import MemoryRegistry


@contextmanager
def server(model: Model, home: Path, more: Mapping[str, str] | None = None) -> Iterator[Running]:
    """A scoring server of one worker on an empty home; `more`: its environment variables."""
    home.mkdir(parents=True)
    peer, port = Cuelight(), free_port()
    chosen = {**variables(home, port, 1), **(more or {})}
    with process([peer.python, "-m", "cuelight.cli", "serve"], chosen, home / "serve.log") as started:
        yield Running(peer, f"http://127.0.0.1:{port}", started.pid, 0.0, model)


@contextmanager
def follower(
    module: str, model: Model, home: Path, running: Running, first: str, expected: str
) -> Iterator[Callable[[str], str]]:
    """Tell the follower what to do, and hear its answer; `first` is an order that it answers by `expected` when ready.

    Raises:
        Missing: it does not.
    """
    command = [sys.executable, "-m", module, str(home), model.name, str(model.folder), running.url.rpartition(":")[2]]
    with (home / "follow.log").open("wb") as log:
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **QUIET}
        )

    def order(kind: str) -> str:
        assert child.stdin
        assert child.stdout
        child.stdin.write(kind + "\n")
        child.stdin.flush()
        return child.stdout.readline().strip()

    try:
        if order(first) != expected:
            raise Missing("the follower did not bring the model into charge")
        yield order
    finally:
        _end(child)


def arguments() -> tuple[Path, Model, int]:
    """What the follower's process was started with: the home, the model (without its rows), and the server's port."""
    return Path(sys.argv[1]), Model(sys.argv[2], None, None, Path(sys.argv[3])), int(sys.argv[4])


class Operator(Protocol):
    """Who changes the registry that a follower follows, as it is told."""

    registry: MemoryRegistry

    def obey(self, orders: Iterable[str]) -> None:
        """Take orders, a line each, and answer each with a line, until there are no more."""


def operate(operator: Operator, home: Path, poll_seconds: float, act: Callable[[], None] = lambda: None) -> None:
    """The follower's process: it ends with the orders from standard input; `act` is called after each tick."""
    following = follow(operator.registry, home, registry_poll_seconds=poll_seconds)
    orders = threading.Thread(target=operator.obey, args=(sys.stdin,), daemon=True)
    orders.start()
    following.start()
    while orders.is_alive():
        following.tick()
        act()
        following.pause()
    following.stop()


def _end(child: subprocess.Popen[str]) -> None:
    """Without orders the follower leaves; one that does not is killed."""
    with contextlib.suppress(OSError):
        if child.stdin:
            child.stdin.close()
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
