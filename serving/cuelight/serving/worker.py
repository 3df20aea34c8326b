"""gunicorn's threaded worker, but quick to stop when callers keep idle connections open."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

_IDLE_SECONDS = 1.0


class Worker(ThreadWorker):  # type: ignore[misc]
    """Told to stop, it still answers on every connection for a second, then closes the idle ones.

    gunicorn's own waits the whole grace period for them: one idle caller would hold up every stop and restart.
    Requests in progress keep the grace period.
    """

    _stopping_since = 0.0

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """As gunicorn's, but while stopping never so long that idle connections outlive their second."""
        super().wait_for_and_dispatch_events(timeout if self.alive else min(timeout, _IDLE_SECONDS / 4))

    def murder_keepalived(self) -> None:
        """Close connections that were idle too long; while stopping, that is a second."""
        self._shorten(self.keepalived_conns)
        super().murder_keepalived()

    def murder_pending(self) -> None:
        """Close connections that never sent anything, likewise."""
        self._shorten(self.pending_conns)
        super().murder_pending()

    def _shorten(self, connections: Iterable[Any]) -> None:
        if self.alive:
            return
        self._stopping_since = self._stopping_since or time.monotonic()
        for each in connections:
            each.timeout = min(each.timeout, self._stopping_since + _IDLE_SECONDS)
