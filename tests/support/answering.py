"""HTTP servers that answer in threads of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer

_POLL_SECONDS = 0.02  # the library looks twice a second whether it is to end: that long would each test wait


@contextmanager
def answering(*servers: BaseServer) -> Iterator[None]:
    """All of them answer; gone afterwards."""
    for each in servers:
        start(each)
    try:
        yield
    finally:
        for each in servers:
            stop(each)


def start(server: BaseServer) -> None:
    """Have it answer from now on."""
    threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True).start()


def stop(server: BaseServer) -> None:
    """Have it answer no more."""
    server.shutdown()
    server.server_close()
