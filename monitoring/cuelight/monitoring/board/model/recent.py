"""What was computed a moment ago: a page that renews itself every few seconds must not cost that much."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from cuelight.kit.clock import Clock, SystemClock

_MOST = 256  # results
T = TypeVar("T")


class Recent:
    """Results by key, for so many seconds; one thread makes each while others that want it wait."""

    def __init__(self, seconds: float, clock: Clock | None = None) -> None:
        self._seconds = seconds
        self._clock = clock or SystemClock()
        self._found: dict[Hashable, tuple[float, Any]] = {}
        self._locks: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The result of `make`, or what it was within those seconds; an error is not kept."""
        with self._lock:
            mine = self._locks.setdefault(key, threading.Lock())
        with mine:
            at, found = self._found.get(key, (0.0, None))
            now = self._clock.monotonic()
            if key not in self._found or now - at >= self._seconds:
                found = make()
                with self._lock:
                    self._found[key] = self._clock.monotonic(), found
                    self._forget()
            result: T = found
            return result

    def _forget(self) -> None:
        """The oldest, where there are many."""
        for key in sorted(self._found, key=lambda each: self._found[each][0])[: len(self._found) - _MOST]:
            del self._found[key]
            self._locks.pop(key, None)
