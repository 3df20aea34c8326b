"""How much a window holds: the newest so many rows, or so much time; sliding or tumbling. Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from cuelight.kit.clock import parse_span, spell_span
from cuelight.kit.errors import BadInput, Misconfigured
from cuelight.kit.settings import Settings

_TEXT = re.compile(r"(?:(?P<rows>\d+)\s*rows?|(?P<time>\d+[smhd]))(?:\s+(?P<kind>sliding|tumbling))?")
# A Monday: windows of days begin at midnight UTC, those of weeks on Mondays.
MONDAY = 4 * 86_400.0


@dataclass(frozen=True)
class Extent:
    """So many `rows`, or so many `seconds` of time: one of the two.

    A sliding window ends with the newest row each time it is judged. Tumbling windows do not overlap: each is judged
    once it is complete. Those of time are cut by the clock (midnight UTC, and Monday, are where windows begin), those
    of rows by counting on from the last one that was judged.
    """

    rows: int | None = None
    seconds: float | None = None
    tumbling: bool = False

    @classmethod
    def parse(cls, text: str) -> Extent:
        """From a text such as `2000 rows`, `1d` or `1d tumbling`.

        Raises:
            BadInput: it is none; the message says what one looks like.
        """
        found = _TEXT.fullmatch(text.strip())
        rows = int(found["rows"]) if found and found["rows"] else None
        seconds = parse_span(found["time"]) if found and found["time"] else None
        if not found or not (rows or seconds):
            raise BadInput(f"{text!r} is no window: give rows or time, such as `2000 rows`, `1d` or `1d tumbling`.")
        return cls(rows, seconds, tumbling=found["kind"] == "tumbling")

    @classmethod
    def of(cls, settings: Settings) -> Extent:
        """As the setting says.

        Raises:
            Misconfigured: it is no window.
        """
        try:
            return cls.parse(settings.monitoring_window)
        except BadInput as error:
            raise Misconfigured(f"Setting `monitoring.window`: {error}") from error

    def __str__(self) -> str:
        size = f"{self.rows} rows" if self.seconds is None else spell_span(self.seconds)
        return f"{size} tumbling" if self.tumbling else size

    def until(self, now: float) -> float:
        """The end of the newest window of time: now, or where the last complete one of tumbling windows ended."""
        if self.seconds is None or not self.tumbling:
            return now
        return math.floor((now - MONDAY) / self.seconds) * self.seconds + MONDAY

    def part(self, times: np.ndarray[Any, Any], now: float, judged_until: float | None = None) -> slice:
        """Which rows are in the window to judge at a moment, by their `times` in order; those before `now` are there.

        `judged_until` is the moment of the last row that was judged. While the next tumbling window of rows is not
        full, it is the last one again, and the first one is empty.
        """
        end = self.until(now)
        last = int(np.searchsorted(times, end, side="left"))
        if self.seconds is not None:
            return slice(int(np.searchsorted(times, end - self.seconds, side="left")), last)
        size = self.rows or 0
        if self.tumbling:
            after = 0 if judged_until is None else int(np.searchsorted(times, judged_until, side="right"))
            last = after + max(0, last - after) // size * size
        return slice(max(0, last - size), last)
