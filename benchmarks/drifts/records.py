"""What was found of drift reports, as flat records: written to JSON, and read back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.kept import put


@dataclass(frozen=True)
class Counted:
    """How many windows each reference had, how many of them each rule alarmed on, and was not able to judge."""

    windows: list[int]
    alarms: dict[str, list[int]]
    unjudged: dict[str, list[int]]

    @classmethod
    def of(cls, windows: Sequence[Mapping[str, bool | None]]) -> Counted:
        """One reference's: rule to whether it alarmed; None is neither an alarm nor none."""
        rules = list(windows[0]) if windows else []
        alarms = {rule: [sum(each[rule] is True for each in windows)] for rule in rules}
        return cls([len(windows)], alarms, {rule: [sum(each[rule] is None for each in windows)] for rule in rules})

    @classmethod
    def joined(cls, parts: Sequence[Counted]) -> Counted:
        """Their references one after the other; of what was not judged, only where there is any."""
        alarms, unjudged = (
            {rule: [n for part in parts for n in getattr(part, kind)[rule]] for rule in parts[0].alarms}
            for kind in ("alarms", "unjudged")
        )
        windows = [n for part in parts for n in part.windows]
        return cls(windows, alarms, {rule: numbers for rule, numbers in unjudged.items() if any(numbers)})

    def judged(self, rule: str) -> list[int]:
        """By reference."""
        missing = self.unjudged.get(rule, [0] * len(self.windows))
        return [windows - none for windows, none in zip(self.windows, missing, strict=True)]

    def share(self, rule: str) -> float | None:
        """Of the windows that the rule judged, those it alarmed on; None: there were none."""
        judged = sum(self.judged(rule))
        return sum(self.alarms[rule]) / judged if judged else None

    def worst(self, rule: str) -> float | None:
        """The share with the reference that has the greatest; None: nothing was judged."""
        pairs = zip(self.alarms[rule], self.judged(rule), strict=True)
        return max((alarms / judged for alarms, judged in pairs if judged), default=None)


@dataclass(frozen=True)
class Found:
    """A cell's windows of one kind: `what` was done to them, and what came of it. `world` may be a real table."""

    world: str
    columns: int
    rows: int
    reference: int
    what: str
    counted: Counted

    @property
    def key(self) -> tuple[str, int, int, int, str]:
        """What makes it the same cell in another run."""
        return self.world, self.columns, self.rows, self.reference, self.what


@dataclass(frozen=True)
class Run:
    """One run of the program: how many cells, which, and under what conditions; `rule`: Cuelight's thresholds."""

    only: str
    cells: int
    seed: int
    minutes: float
    machine: str
    system: str
    load_before: float
    rule: str


@dataclass
class Figures:
    """All of it; a cell that is run again takes the place of what it was."""

    runs: list[Run] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)

    def put(self, found: Sequence[Found]) -> None:
        """Add these, instead of the same ones of before."""
        self.found = list({each.key: each for each in [*self.found, *found]}.values())

    def add(self, run: Run) -> None:
        """A run of the same cells takes the place of the one before."""
        self.runs = [*(each for each in self.runs if each.only != run.only), run]

    def write(self, path: Path) -> None:
        """As JSON, one record a line; the file is the old one or the new one."""
        put({"conditions": {"runs": [asdict(each) for each in self.runs]}, "found": map(asdict, self.found)}, path)

    @classmethod
    def read(cls, path: Path) -> Figures:
        """What `write` wrote.

        Raises:
            OSError, ValueError, TypeError: there is no such file, or it is none of ours.
        """
        document: dict[str, Any] = json.loads(path.read_text())
        found = [Found(**{**each, "counted": Counted(**each["counted"])}) for each in document["found"]]
        return cls([Run(**each) for each in document["conditions"]["runs"]], found)
