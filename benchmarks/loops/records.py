"""What was found of loops, as flat records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from benchmarks.kept import Kept


@dataclass(frozen=True)
class Loop:
    """One stream that was played.

    Attributes:
        windows: drift jobs that had enough data for a verdict; alarms, retrainings, promoted: how many of each.
        metric: the pipeline's primary one; `loop`, `frozen`: its figure on all rows with the loop and without.
        gain, low, high: less loss a row, with its 95 % interval; share: of the loss without the loop.
        trend: days from the start, with the metric with and without the loop in that part of the rows.
        takeovers: days from the start at which a version took over.
    """

    case: str
    order: str
    seed: int
    drifts: bool
    rows: int
    windows: int
    alarms: int
    retrainings: int
    promoted: int
    metric: str
    loop: float
    frozen: float
    gain: float
    low: float
    high: float
    share: float
    trend: list[list[float]]
    takeovers: list[float]


@dataclass
class Figures(Kept):
    """All of it, with the conditions: machine and minutes."""

    KINDS: ClassVar[Mapping[str, Any]] = {"loops": Loop}

    loops: list[Loop] = field(default_factory=list)
