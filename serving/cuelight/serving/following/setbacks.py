"""How long to leave what failed alone: a pause that doubles each time, so that a lasting fault makes no storm."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Setbacks(Generic[T]):
    """Counts failures in a row; pauses are `first`, twice that, and so on up to `longest` (seconds)."""

    def __init__(self, first: float, longest: float) -> None:
        self._first, self._longest = first, longest
        self._counts: dict[T, int] = {}

    def add(self, what: T) -> float:
        """One more; the pause that is due."""
        count = self._counts.get(what, 0)
        self._counts[what] = count + 1
        return float(min(self._first * 2.0 ** min(count, 60), self._longest))

    def clear(self, what: T) -> None:
        """It went well, or is another matter now."""
        self._counts.pop(what, None)
