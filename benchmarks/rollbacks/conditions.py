"""What is simulated, and how often: bakes of versions that are no worse, and of versions that are. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from benchmarks.rollbacks.bakes import Version, World

BAKE_SECONDS, CANARY_SECONDS = 600.0, 3600.0
RATES = (1, 10, 100)


@dataclass(frozen=True)
class Plan:
    """How many bakes of each condition: without a difference, with one, and on real workers."""

    equal: int = 500
    worse: int = 200
    real: int = 5


QUICK = Plan(20, 10, 1)


@dataclass(frozen=True)
class Case:
    """One cell: how the new version differs and who answers whom, in words; what comes, and what both versions are.

    A bake is over after `seconds`; `look`: seconds from one look to the next.
    """

    what: str
    where: str
    world: World
    new: Version
    usual: Version
    seconds: float
    look: float


_WHERE = {
    "canary of 10 %": (0.1, CANARY_SECONDS),
    "canary of 50 %": (0.5, CANARY_SECONDS),
    "Production, control of 5 %": (0.95, BAKE_SECONDS),
    "Production, no control": (1.0, BAKE_SECONDS),
}
CANARY, ALONE = "canary of 50 %", "Production, no control"

_FAULTY = Version(faults=0.05)
_EQUAL = [
    ("canary of 5 %", World(share=0.05), Version()),
    ("canary of 50 %", World(share=0.5), Version()),
    ("control of 5 %", World(share=0.95), Version()),
    ("no control", World(share=1.0), Version()),
    ("canary of 50 %, 1 request a second", World(rate=1, share=0.5), Version()),
    ("no control, 100 requests a second", World(rate=100, share=1.0), Version()),
    ("canary of 5 %, 100 requests a second, labels", World(rate=100, share=0.05, labelled=0.3), Version()),
    ("control of 5 %, labels of all", World(share=0.95, labelled=1.0), Version()),
    ("canary of 50 %, labels of all, 1,000 callers who stay", World(share=0.5, labelled=1.0, callers=1000), Version()),
    ("canary of 50 %, labels of all, 100 callers who stay", World(share=0.5, labelled=1.0, callers=100), Version()),
    ("canary of 50 %, both can't answer 5 %", World(share=0.5), _FAULTY),
    ("no control, both fail on 5 % by chance", World(share=1.0, shaky=0.05), Version()),
    ("canary of 5 %, both fail on 30 % by chance", World(share=0.05, shaky=0.3), Version()),
    ("control of 5 %, rough times", World(share=0.95, rough=True), Version()),
    ("no control, rough times, both can't answer 5 %", World(share=1.0, rough=True), _FAULTY),
    ("canary of 5 %, heavy caller", World(share=0.05, heavy=0.3), Version()),
    ("control of 5 %, heavy caller, rough times", World(share=0.95, heavy=0.3, rough=True), Version()),
]
_WORSE = [
    ("fails on 5 %", Version(faults=0.05)),
    ("fails on 20 %", Version(faults=0.2)),
    ("fails on all", Version(faults=1.0)),
    ("fails on 20 % by chance", Version(shaky=0.2)),
    ("5 % invalid answers", Version(invalid=0.05)),
    ("takes twice as long", Version(seconds=0.008)),
    ("takes 5 times as long", Version(seconds=0.020)),
    ("takes 10 times as long", Version(seconds=0.040)),
    ("wrong on 30 % of labels, not 20 %", Version(wrong=0.3)),
]


def equal() -> Iterator[Case]:
    """Bakes of a version that is no worse."""
    for where, world, version in _EQUAL:
        yield Case("no worse", where, world, version, version, BAKE_SECONDS, look=1.0)


def worse() -> Iterator[Case]:
    """Bakes of a version that is worse, in every place and at every rate in which that can show."""
    for what, version in _WORSE:
        for where, (share, seconds) in _WHERE.items():
            labelled = float(version.wrong != Version().wrong)
            if labelled and where == ALONE:
                continue
            for rate in RATES:
                world = World(rate=rate, share=share, labelled=labelled)
                yield Case(what, where, world, version, Version(), seconds, look=1.0 if labelled else 0.25)


def shortened(cases: Iterable[Case]) -> list[Case]:
    """The same, each over within a minute."""
    return [replace(each, seconds=60.0) for each in cases]
