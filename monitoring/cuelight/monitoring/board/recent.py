"""What was computed a moment ago: a page that renews itself every few seconds must neither cost nor wait that much."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from cuelight.kit.clock import Clock, SystemClock
from cuelight.kit.errors import CuelightError, Unavailable

_MOST = 256  # results, and errors
_AT_ONCE = 3
T = TypeVar("T")


class Pending(Unavailable):
    """It is being made, and there is none from before."""


@dataclass(frozen=True)
class _Kept:
    at: float
    result: Any


class Recent:
    """Results by key; what is older than `seconds` is made anew in a thread, and shown as it was until then.

    What there is nothing of yet is waited for, `patience` seconds at most.
    """

    def __init__(self, seconds: float, patience: float, clock: Clock | None = None) -> None:
        self._seconds = seconds
        self._patience = patience
        self._clock = clock or SystemClock()
        self._kept: dict[Hashable, _Kept] = {}
        self._made: dict[Hashable, Future[Any]] = {}
        self._failed: dict[Hashable, CuelightError] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="recent")

    def get(self, key: Hashable, make: Callable[[], T], patience: float | None = None) -> T:
        """The result of `make`, or what it was; an error is raised once and not kept. It may have its own `patience`.

        An error that came when nobody waited any more is raised to who asks next.

        Raises:
            Pending: it is being made, and there is none from before.
        """
        with self._lock:
            kept = self._kept.get(key)
            if kept and self._clock.monotonic() - kept.at < self._seconds:
                result: T = kept.result
                return result
            failed = self._failed.pop(key, None)
            if failed and not kept:
                raise failed
            made = self._made.get(key) or self._made.setdefault(key, self._pool.submit(self._make, key, make))
        try:
            return made.result(0.0 if kept else self._patience if patience is None else patience)  # type: ignore[no-any-return]  # made by `make`
        except TimeoutError:
            if kept:
                return kept.result  # type: ignore[no-any-return]  # as above
            raise Pending("This is being computed: it will be here in a moment.") from None
        except CuelightError:
            self._failed.pop(key, None)
            raise

    def _make(self, key: Hashable, make: Callable[[], Any]) -> Any:
        try:
            result = make()
            with self._lock:
                self._kept[key] = _Kept(self._clock.monotonic(), result)
                for old in sorted(self._kept, key=lambda each: self._kept[each].at)[: len(self._kept) - _MOST]:
                    del self._kept[old]
            return result
        except CuelightError as error:
            if len(self._failed) < _MOST:
                self._failed[key] = error
            raise
        finally:
            with self._lock:
                del self._made[key]
