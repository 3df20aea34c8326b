"""How callers fare while versions are promoted: `p99` under load, with and without switches.

`python -m benchmarks.promotions` is the follower, in a process of its own as in real life; it obeys standard input.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import urllib3

from benchmarks import wrk
from benchmarks.environments import Missing
from benchmarks.goals import KNOWN, NEW, STEADY
from benchmarks.models import Model
from benchmarks.operation import arguments, follower, operate, server
from benchmarks.peers.cuelight import register
from benchmarks.records import Switching
from benchmarks.run import Run
from cuelight.registry.memory import MemoryRegistry

_CONNECTIONS = 8
_PERIOD_SECONDS = 1.0
_READY_SECONDS = 120.0


def measure(run: Run, model: Model, folder: Path) -> Iterator[None]:
    """Steady load, load while versions tried before are promoted, and while new ones are, in rounds."""
    run.tell(f"{model.name}: p99 during promotions")
    try:
        yield from _rounds(run, model, folder)
    except Missing as missing:
        run.leave_out("p99 during promotions", missing.reason, missing.detail)


def _rounds(run: Run, model: Model, folder: Path) -> Iterator[None]:
    home = folder / "home"
    with server(model, home) as running, follower(__name__, model, home, running, STEADY, "0") as order:
        bodies = [running.peer.single(model, model.frame.iloc[i : i + 1]) for i in range(64)]
        wrk.run(running.url, bodies, _CONNECTIONS, 1)
        for turn in range(run.plan.promotion_rounds):
            for kind in (STEADY, KNOWN, NEW):
                order(kind)
                load = wrk.run(running.url, bodies, _CONNECTIONS, run.plan.promotion_seconds)
                switches = int(order(STEADY))
                found = (load.rate, load.p50_ms, load.p99_ms, load.failed)
                run.results.switchings.append(Switching(kind, turn, *found, switches))
                yield


class _Operator:
    """Puts versions into Production as it is told, one after the other, and counts those that came into charge."""

    def __init__(self, home: Path, model: Model, port: int) -> None:
        self._home, self._model, self._port = home, model, port
        self.registry = MemoryRegistry()
        self._numbers = [register(self.registry, model, home, number) for number in (1, 2)]
        self.kind, self._wanted, self._switches, self._moved = STEADY, 1, 0, time.monotonic()
        self.ready = threading.Event()
        self.registry.set_stage(model.name, 1, "Production")
        self.registry.set_stage(model.name, 2, "Staging")

    def obey(self, orders: Iterable[str]) -> None:
        """Take orders, and answer each with the number of switches since the last one."""
        for line in orders:
            print(self._switches if self.ready.wait(_READY_SECONDS) else "not ready", flush=True)
            self._switches, self.kind = 0, line.strip()

    def act(self) -> None:
        """Promote the next version, if it is time and the last one is in charge."""
        if time.monotonic() - self._moved < _PERIOD_SECONDS or not self._in_charge():
            return
        if not self.ready.is_set():
            self.ready.set()
            return
        if self.kind != STEADY:
            self._switches += 1
            self._wanted = self._next()
            self.registry.set_stage(self._model.name, self._wanted, "Production", archive_others=True)
            self._moved = time.monotonic()

    def _next(self) -> int:
        if self.kind == NEW:
            self._numbers.append(register(self.registry, self._model, self._home, self._numbers[-1] + 1))
            return self._numbers[-1]
        return self._numbers[0] if self._wanted != self._numbers[0] else self._numbers[1]

    def _in_charge(self) -> bool:
        """Whether the version wanted is served, and at the start, also the other one on its track."""
        try:
            answer = urllib3.request("GET", f"http://127.0.0.1:{self._port}/models/{self._model.name}", timeout=5.0)
            tracks = answer.json().get("tracks", {})
        except (urllib3.exceptions.HTTPError, ValueError):
            return False
        both = self.ready.is_set() or "Staging" in tracks
        return both and bool(tracks.get("Production", {}).get("version") == self._wanted)


def _main() -> None:
    home, model, port = arguments()
    operator = _Operator(home, model, port)
    operate(operator, home, 0.2, operator.act)


if __name__ == "__main__":
    _main()
