"""What of a reference is like a window: rows of the same hours, and which of them belong together. Pure.

Traffic at night differs from that of the day, and a person's rows from another's. Neither is drift, so a window is
compared with rows of its own hours, and driftless windows are drawn as it came: by whole groups, or by whole days.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from cuelight.monitoring.examination.columns import INPUT, Codes, Floats
from cuelight.monitoring.examination.findings import Fault, Finding

if TYPE_CHECKING:
    import pandas as pd

TIME, GROUP = "time", "group"
_HOUR = 3600.0
# So much of the window may lie in hours that the reference has too few rows of.
_SPARE = 0.05
# Fewer groups than this do not show how far groups differ.
LEAST_GROUPS = 10


class Cycle(StrEnum):
    """What traffic follows: hours of the day, or hours of the week."""

    NONE = "none"
    DAILY = "daily"
    WEEKLY = "weekly"

    @property
    def hours(self) -> int:
        """Its length; 0: there is none."""
        return {Cycle.NONE: 0, Cycle.DAILY: 24, Cycle.WEEKLY: 168}[self]


@dataclass(frozen=True)
class Groups:
    """How rows belong together.

    Attributes:
        codes: (rows of the reference,) numbers; rows of one number belong together.
        count: how many groups the reference has.
        size, window_size: rows of a group in the reference and in the window, as a row sees it (Kish's mean).
    """

    codes: Codes
    count: int
    size: float
    window_size: float

    def stretch(self, found: float) -> float:
        """How far the window strays, as a multiple for independent rows, where as large groups as here stray `found`.

        Its square is the design effect 1 + (size - 1) rho of both.
        """
        share = (self.window_size - 1.0) / (self.size - 1.0) if self.size > 1.0 else 1.0
        return float(np.sqrt(1.0 + max(0.0, found**2 - 1.0) * share))


@dataclass(frozen=True)
class Likeness:
    """The rows of a reference that are like a window.

    Attributes:
        rows: those of the window's hours, in its proportions; all, where there is no cycle.
        groups: which of them belong together; None: rows are independent.
        column: the column that says so, which is therefore not tested; empty: none.
        notes: what was asked for and can't be done.
    """

    rows: pd.DataFrame
    groups: Groups | None = None
    column: str = ""
    notes: tuple[Finding, ...] = ()


def likeness(reference: pd.DataFrame, window: pd.DataFrame, group: str = "", cycle: Cycle = Cycle.NONE) -> Likeness:
    """Pick the rows, and group them.

    Args:
        reference: with `time` (seconds since the epoch) and `group`, where its pipeline knows them.
        window: with `time`, as the journal has it.
        group: the input column whose equal values belong together; empty: the reference's own `group`, if it has one,
            or the input column with the same values.
        cycle: what the window's hours are taken by. Without groups of their own, rows of one day belong together.
    """
    notes: list[Finding] = []
    rows = reference
    if cycle.hours and _known(reference) and _known(window):
        chosen = same_hours(_times(reference), _times(window), cycle.hours)
        rows = reference.iloc[chosen]
    elif cycle.hours:
        text = f"the reference has no event times, so hours can't be compared (monitoring.cycle = {cycle})"
        notes.append(Finding(TIME, Fault.NOT_TESTED, False, text))
    column = next((name for name in (INPUT + group, _same_input(reference), GROUP) if name in reference), "")
    if group and not column:
        text = f"{group} is not in the reference, so rows count as independent (monitoring.group = {group})"
        notes.append(Finding(INPUT + group, Fault.NOT_TESTED, False, text))
    groups = _groups(rows, window, column) if column else _days(rows, window) if rows is not reference else None
    if groups is not None and 0 < groups.count < LEAST_GROUPS:
        text = f"the reference has {groups.count} groups of rows; {LEAST_GROUPS} would show how far groups differ"
        notes.append(Finding(column or TIME, Fault.NOT_TESTED, False, text))
    return Likeness(rows, groups, column, tuple(notes))


def same_hours(reference: Floats, window: Floats, hours: int) -> npt.NDArray[np.intp]:
    """Positions of as many reference rows as have the window's shares of each hour of a cycle; times in seconds.

    A twentieth of the window may lie in hours that the reference has too few rows of.
    """
    there, here = (np.floor(times / _HOUR).astype(np.int64) % hours for times in (reference, window))
    shares = np.bincount(here, minlength=hours) / max(1, len(here))
    counts = np.bincount(there, minlength=hours)
    asked = np.flatnonzero(shares)
    enough = counts[asked] / shares[asked]  # rows in all up to which this hour has enough of them
    order = np.argsort(enough, kind="stable")
    short = np.cumsum(shares[asked][order]) > _SPARE
    total = enough[order][short.argmax()] if short.any() else 0.0
    generator = np.random.default_rng(0)
    picked = [
        generator.permutation(np.flatnonzero(there == hour))[: int(np.ceil(shares[hour] * total))] for hour in asked
    ]
    return np.sort(np.concatenate([np.empty(0, dtype=np.intp), *picked])).astype(np.intp)


def _same_input(reference: pd.DataFrame) -> str:
    """The input column that is the reference's own `group`: a window has it too, and it is no feature."""
    inputs = [name for name in reference if str(name).startswith(INPUT)] if GROUP in reference else []
    return next((str(name) for name in inputs if (reference[name] == reference[GROUP]).all()), "")


def _known(frame: pd.DataFrame) -> bool:
    return TIME in frame and bool(frame[TIME].notna().all())


def _times(frame: pd.DataFrame) -> Floats:
    return cast("Floats", frame[TIME].to_numpy(dtype=np.float64))


def _groups(rows: pd.DataFrame, window: pd.DataFrame, column: str) -> Groups:
    return _grouped(rows[column].to_numpy(), window[column].to_numpy() if column in window else None)


def _days(rows: pd.DataFrame, window: pd.DataFrame) -> Groups:
    before, now = (np.floor(_times(side) / (24 * _HOUR)) for side in (rows, window))
    return _grouped(before, now)


def _grouped(reference: npt.NDArray[Any], window: npt.NDArray[Any] | None) -> Groups:
    """By the values of both sides; where the window has none, its groups are taken to be as large."""
    codes = _codes(reference)
    size = _size(codes)
    return Groups(codes, len(np.unique(codes)), size, size if window is None else _size(_codes(window)))


def _size(codes: Codes) -> float:
    rows = np.bincount(codes)
    return float((rows**2).sum() / max(1, len(codes)))


def _codes(values: npt.NDArray[Any]) -> Codes:
    """Numbers from 0 by value; each null is a group of its own."""
    import pandas as pd

    codes, unique = pd.factorize(values)
    alone = codes < 0
    codes[alone] = len(unique) + np.arange(alone.sum())
    return cast("Codes", codes.astype(np.int64))
