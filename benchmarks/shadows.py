"""How callers fare while what they ask is also asked of the version in Staging: the same server, with and without.

`python -m benchmarks.shadows` is the follower, in a process of its own; it obeys standard input.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from benchmarks import arrivals, wrk
from benchmarks.environments import Missing
from benchmarks.goals import A_SECOND
from benchmarks.models import FOREST, LINEAR, Model
from benchmarks.operation import arguments, follower, operate, server
from benchmarks.peers.cuelight import register
from benchmarks.peers.peer import Running
from benchmarks.plan import rotated
from benchmarks.records import Shadowing
from benchmarks.run import Run
from benchmarks.wrk import Load
from cuelight.registry.memory import MemoryRegistry

OFF, ON = 0, 100  # percent of the requests that are mirrored
_MODERATE = 500.0  # requests a second: some hundredths of what the compiled ways answer
_READY_SECONDS = 120.0
_SETTLED_SECONDS = 0.5
_COUNTERS = {
    "mirrored": re.compile(rb'^cuelight_requests_total\{arm="shadow".*\} (\S+)$', re.MULTILINE),
    "dropped": re.compile(rb"^cuelight_shadow_dropped_total (\S+)$", re.MULTILINE),
}


@dataclass(frozen=True)
class Case:
    """A model as it is served, and how many requests a second are well below what it can answer."""

    model: str
    rate: float
    compiled: bool = True

    @property
    def name(self) -> str:
        """The model's, and how it is served if not as it comes."""
        return self.model if self.compiled else f"{self.model}, compile off"

    def loads(self) -> dict[str, Callable[[str, Any, int, int], Load]]:
        """By name: what runs a load, from a URL, bodies, seconds, and the round's number."""
        return {
            "1 connection": lambda url, bodies, seconds, _: wrk.run(url, bodies, 1, seconds),
            "8 connections": lambda url, bodies, seconds, _: wrk.run(url, bodies, 8, seconds),
            f"{self.rate:g}{A_SECOND}": lambda url, bodies, seconds, turn: arrivals.run(
                url, bodies, self.rate, seconds, seed=turn
            ),
        }


CASES = (Case(LINEAR, _MODERATE), Case(FOREST, _MODERATE), Case(FOREST, 20.0, compiled=False))


def measure(run: Run, model: Model, folder: Path) -> Iterator[None]:
    """Each load with the shadow off and on, in rounds; yields whenever something was added."""
    for number, case in enumerate(each for each in CASES if each.model == model.name):
        run.tell(f"{case.name}: with and without a shadow")
        try:
            yield from _rounds(run, case, model, folder / f"{case.model}-{number}")
        except Missing as missing:
            run.leave_out(f"{case.name}, shadow", missing.reason, missing.detail)


def _rounds(run: Run, case: Case, model: Model, home: Path) -> Iterator[None]:
    more = {} if case.compiled else {"CUELIGHT_SERVING_COMPILE": "false"}
    with (
        server(model, home, more) as running,
        follower(__name__, model, home, running, str(OFF), str(OFF)) as order,
    ):
        bodies = [running.peer.single(model, model.frame.iloc[i : i + 1]) for i in range(64)]
        order(str(ON))
        wrk.run(running.url, bodies, 8, 1)
        for name, load in case.loads().items():
            for turn in range(run.plan.shadow_rounds):
                for share in rotated((OFF, ON), turn):
                    order(str(share))
                    before = _settled(running)
                    found = load(running.url, bodies, run.plan.shadow_seconds, turn)
                    after = _settled(running)
                    counts = {each: int(after[each] - before[each]) for each in _COUNTERS}
                    figures = (found.requests, found.rate, found.p50_ms, found.p99_ms, found.failed)
                    run.results.shadowings.append(Shadowing(case.name, name, share, turn, *figures, **counts))
                yield


def _settled(running: Running) -> dict[str, float]:
    """What was mirrored and what was dropped so far, once the queue is empty: nothing moves any more."""
    seen = _counters(running)
    while True:
        time.sleep(_SETTLED_SECONDS)
        now = _counters(running)
        if now == seen:
            return now
        seen = now


def _counters(running: Running) -> dict[str, float]:
    page = urllib3.request("GET", f"{running.url}/metrics", timeout=10.0).data
    return {name: sum(float(each) for each in pattern.findall(page)) for name, pattern in _COUNTERS.items()}


class _Operator:
    """Has a version in Production and one in Staging, and mirrors the share that it is told."""

    def __init__(self, home: Path, model: Model, port: int) -> None:
        self._name, self._url = model.name, f"http://127.0.0.1:{port}/models/{model.name}"
        self.registry = MemoryRegistry()
        for number, stage in ((1, "Production"), (2, "Staging")):
            register(self.registry, model, home, number)
            self.registry.set_stage(model.name, number, stage)

    def obey(self, orders: Iterable[str]) -> None:
        """Take shares in percent, and answer each with the one that holds, when it does."""
        for line in orders:
            share = float(line)
            self.registry.set_model_tags(self._name, {"cuelight.shadow": f"{share:g}"})
            print(f"{share:g}" if self._holds(share) else "not ready", flush=True)

    def _holds(self, share: float) -> bool:
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            try:
                found = urllib3.request("GET", self._url, timeout=5.0).json()
                if len(found["tracks"]) == 2 and found["traffic"]["shadow"] == share:
                    return True
            except (urllib3.exceptions.HTTPError, ValueError, KeyError):
                pass  # not served yet
            time.sleep(0.05)
        return False


def _main() -> None:
    home, model, port = arguments()
    operate(_Operator(home, model, port), home, 0.5)


if __name__ == "__main__":
    _main()
