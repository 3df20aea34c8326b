"""Time as a dependency, so that tests move it by hand."""

from __future__ import annotations

import re
import threading
import time
from datetime import UTC, datetime
from typing import Protocol


def utc(seconds: float) -> str:
    """A moment, in seconds since the epoch, for people: `2026-11-22 18:15:10`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


_UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}


def parse_span(text: str) -> float | None:
    """Seconds, from a time such as 30m, 12h or 7d; None if it is none."""
    match = re.fullmatch(r"(\d+)([smhd])", text.strip())
    return float(int(match[1]) * _UNITS[match[2]]) if match else None


def spell_span(seconds: float) -> str:
    """Whole seconds in the largest unit that fits: `1d`, `90m`; what `parse_span` reads."""
    unit = next(name for name, size in _UNITS.items() if not seconds % size)
    return f"{seconds / _UNITS[unit]:.0f}{unit}"


class Clock(Protocol):
    """What the loops need of time."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds that never go backwards."""

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until the event is set, or the seconds are over; True if it is set."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(seconds)


class FakeClock:
    """A clock that moves when it is told to: the twin of `SystemClock` for tests."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.advance(seconds)
        return event.is_set()

    def advance(self, seconds: float) -> None:
        """Move both clocks forward."""
        self._now += seconds
