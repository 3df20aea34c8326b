"""What a window is compared with: the training reference, the window before it, or the same weekday before. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from cuelight.journal.query import Query
from cuelight.kit.clock import utc
from cuelight.monitoring.windows.extent import Extent

if TYPE_CHECKING:
    import pandas as pd

REFERENCE_NAME = "the reference"
WEEKS = 4  # of the same weekday, as many as there are rows of
_WEEK = 604_800.0


class Against(StrEnum):
    """What windows are compared with."""

    REFERENCE = "reference"
    PREVIOUS = "previous"
    WEEKDAY = "weekday"


@dataclass(frozen=True)
class Baseline:
    """The rows that a window is compared with, as the journal names columns.

    Attributes:
        name: what they are, for a sentence: "the reference", "the previous window (2026-11-21 00:00 to ...)".
        least: fewer rows than this are not compared with.
    """

    rows: pd.DataFrame = field(repr=False)
    name: str = REFERENCE_NAME
    least: int = 2

    @property
    def is_reference(self) -> bool:
        """Whether it is what training kept, and not earlier traffic."""
        return self.name == REFERENCE_NAME


def queries(against: Against, extent: Extent, window: Query, start: float, end: float) -> list[Query]:
    """The windows of earlier traffic to compare with; `start` and `end` are the window's first and last moment.

    The previous window is as long, and ends where this one begins. The same weekday is the same span of time, so many
    weeks before: as many as are needed not to overlap, and then that often again, four times in all.
    """
    if against is Against.REFERENCE:
        return []
    if against is Against.PREVIOUS:
        first = None if extent.seconds is None else start - extent.seconds
        return [replace(window, since=first, until=start, last_rows=extent.rows)]
    step = math.ceil((end - start) / _WEEK) * _WEEK or _WEEK
    back = (number * step for number in range(1, WEEKS + 1))
    return [replace(window, since=start - each, until=end - each, last_rows=None) for each in back]


def named(against: Against, asked: Sequence[Query], rows: pd.DataFrame) -> str:
    """What the rows of the queries are, for a sentence."""
    if against is Against.WEEKDAY:
        weeks = round(((asked[0].until or 0.0) - (asked[-1].until or 0.0)) / _WEEK) // (WEEKS - 1) * WEEKS
        return f"the same weekday and time in the {weeks} weeks before"
    times = rows["time"]
    since = asked[0].since if asked[0].since is not None or not len(times) else float(times.min())
    until = asked[0].until if asked[0].since is not None or not len(times) else float(times.max())
    span = "" if since is None or until is None else f" ({utc(since)[:16]} to {utc(until)[:16]} UTC)"
    return f"the previous window{span}"
