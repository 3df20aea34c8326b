"""One limit for a whole exchange over a socket: time-outs of sockets count from the last byte, so a drip outlasts them.

with Deadline(15.0) as deadline, closing(pools().request("GET", url, preload_content=False)) as response:
    ...
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from contextvars import ContextVar
from types import TracebackType
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class Deadline:
    """Shuts the watched socket when time is over; `over` says that it did."""

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._socket: Any = None
        self.over = False

    def __enter__(self) -> Deadline:
        self._token = _running.set(self)
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            self._socket = None
        _running.reset(self._token)

    def watch(self, connected: Any) -> None:
        """Take charge of a connected socket, until the block ends."""
        with self._lock:
            self._socket = connected
        if self.over:
            self._expire()

    def _expire(self) -> None:
        with self._lock:
            self.over = True
            if self._socket is not None:
                with suppress(OSError):
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


_running: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def watch(connected: Any) -> None:
    """Put a socket under the deadline whose block this is in, if there is one."""
    if deadline := _running.get():
        deadline.watch(connected)


def pools(**options: Any) -> urllib3.PoolManager:
    """Connections without retries whose answers are read under the running deadline."""
    manager = urllib3.PoolManager(retries=False, **options)
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager


class _Watched(HTTPConnection):
    def getresponse(self) -> Any:
        watch(self.sock)
        return super().getresponse()


class _WatchedTls(HTTPSConnection):
    def getresponse(self) -> Any:
        watch(self.sock)
        return super().getresponse()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTls
