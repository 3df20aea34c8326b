"""What was found of rollbacks, as flat records: written to JSON, and read back."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.records import lines
from cuelight.kit import files

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
class Figures:
    """All of it, with the conditions: machine, seed, minutes."""

    conditions: dict[str, Any] = field(default_factory=dict)
    equal: list[Equal] = field(default_factory=list)
    worse: list[Worse] = field(default_factory=list)
    real: list[Real] = field(default_factory=list)

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
        kinds: dict[str, Any] = {"equal": Equal, "worse": Worse, "real": Real}
        return cls(
            document["conditions"], **{name: [kind(**each) for each in document[name]] for name, kind in kinds.items()}
        )
