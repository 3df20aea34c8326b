"""How many cores each host has, as it says itself: by them requests are weighted where nobody gave weights."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import urllib3

from cuelight.kit.clock import Clock, SystemClock
from cuelight.operations.replicas import MOST_WEIGHT

_AGAIN_SECONDS = 5.0  # hosts come up late, and may come back with others
_AT_ONCE = 8
_PATIENCE = urllib3.Timeout(connect=1.0, read=2.0)


class Cores:
    """Asks hosts in threads of its own, so that one that hangs holds up nothing."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._known: dict[str, int] = {}
        self._asked: dict[str, float] = {}
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="cores")

    def of(self, urls: Iterable[str]) -> dict[str, int]:
        """The cores of each host, as it said last; 1 of who has not said so yet."""
        hosts, now = list(urls), self._clock.monotonic()
        for url in hosts:
            if now - self._asked.get(url, -_AGAIN_SECONDS) >= _AGAIN_SECONDS:
                self._asked[url] = now
                self._pool.submit(self._learn, url)
        return {url: self._known.get(url, 1) for url in hosts}

    def _learn(self, url: str) -> None:
        try:
            answer = urllib3.request("GET", f"{url}/readyz", timeout=_PATIENCE, retries=False)
            cores = int(answer.json()["cores"])
        except (urllib3.exceptions.HTTPError, ValueError, TypeError, KeyError):
            return  # it is not ready, or of another kind: what it said before holds
        self._known[url] = min(max(1, cores), MOST_WEIGHT)
