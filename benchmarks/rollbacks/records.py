"""What was found of rollbacks, as flat records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from benchmarks.kept import Kept

Spread = tuple[float | None, float | None]
"""Median and 90th percentile; None: more than the half, or a tenth, did not get there."""


@dataclass(frozen=True)
class Equal:
    """Simulated bakes of a version that is no worse: how many of them ended in a rollback."""

    where: str
    rate: float
    bakes: int
    rolled_back: int


@dataclass(frozen=True)
class Worse:
    """Simulated bakes of a version that is worse: how many ended in a rollback within `limit` seconds.

    How many requests the new version had answered then, and both, and after how many seconds.
    """

    what: str
    where: str
    rate: float
    bakes: int
    limit: float
    rolled_back: int
    candidate: Spread
    requests: Spread
    seconds: Spread


@dataclass(frozen=True)
class Real:
    """One rollback on real workers: from the new version's first answer to its last, with requests as above."""

    what: str
    where: str
    rate: float
    round: int
    candidate: int
    requests: int
    seconds: float


@dataclass
class Figures(Kept):
    """All of it, with the conditions: machine, seed, minutes."""

    KINDS: ClassVar[Mapping[str, Any]] = {"equal": Equal, "worse": Worse, "real": Real}

    equal: list[Equal] = field(default_factory=list)
    worse: list[Worse] = field(default_factory=list)
    real: list[Real] = field(default_factory=list)
