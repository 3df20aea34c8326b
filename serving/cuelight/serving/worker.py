"""gunicorn's threaded worker, but quick to stop with idle callers, and awake to requests that came ahead of time."""

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

    def finish_request(self, conn: Any, fs: Any) -> None:
        """As gunicorn's, but a request that was read together with the one before is served now.

        gunicorn waits for the socket to become readable, which it does not if the next request is in its buffer.
        """
        waiting = not fs.cancelled() and fs.exception() is None and fs.result() is True and _read_ahead(conn)
        if waiting and self.alive:
            self.enqueue_req(conn)
        else:
            super().finish_request(conn, fs)

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


def _read_ahead(conn: Any) -> bool:
    unreader = getattr(conn.parser, "unreader", None)
    return unreader is not None and unreader.buf.getbuffer().nbytes > 0
