"""What was found of loops, as flat records: written to JSON, and read back."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.records import lines
from cuelight.kit import files


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
class Figures:
    """All of it, with the conditions: machine and minutes."""

    conditions: dict[str, Any] = field(default_factory=dict)
    loops: list[Loop] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """As JSON, one record a line; the file is the old one or the new one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        files.replace(path, "".join(lines(asdict(self))).encode())

    @classmethod
    def read(cls, path: Path) -> Figures:
        """What `write` wrote.

        Raises:
            OSError, ValueError, TypeError: there is no such file, or it is none of ours.
        """
        document = json.loads(path.read_text())
        return cls(document["conditions"], [Loop(**each) for each in document["loops"]])
