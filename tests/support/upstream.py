"""A serving host's stand-in for the gateway's tests: it says who it is, counts, and fails as it is told."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cuelight.operations.replicas import Replica
from tests.support import answering


class Upstream:
    """One that answers 200 to all; `status` is what it answers but to probes, and `ready` what it answers to those."""

    def __init__(self, name: str, zone: str = "", weight: int | None = None) -> None:
        self.cores = 1
        self._hurry = threading.Event()
        self.recover()
        self._server = _Server(self)
        self.replica = Replica(name, "127.0.0.1", self._server.server_port, zone, weight)

    def recover(self) -> None:
        """Be well, and begin to count; what it thinks about is answered."""
        self._hurry.set()
        self._hurry = threading.Event()
        self.status, self.ready = 200, True
        self.seconds = 0.0  # how long it thinks about an answer
        self.answered: Counter[str] = Counter()  # by path
        self.breaks: set[str] = set()  # paths on which it closes the connection without an answer

    @property
    def total(self) -> int:
        """How many requests it has answered, probes not counted."""
        return self.answered.total()

    def think(self) -> None:
        """About an answer."""
        self._hurry.wait(self.seconds)

    def start(self) -> None:
        """Answer from now on, in threads."""
        answering.start(self._server)

    def stop(self) -> None:
        """Answer no more."""
        answering.stop(self._server)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, upstream: Upstream) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave together

    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        upstream = self.server.upstream
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/readyz":
            self._answer(200 if upstream.ready else 503, {"cores": upstream.cores})
            return
        upstream.answered[self.path] += 1
        if self.path in upstream.breaks:
            self.close_connection = True
            return
        upstream.think()
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._answer(upstream.status, {"who": upstream.replica.name, "path": self.path, "headers": headers})

    do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_GET

    def _answer(self, status: int, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def upstreams(*several: Upstream) -> Iterator[tuple[Upstream, ...]]:
    """All of them, answering; gone afterwards."""
    for each in several:
        each.start()
    try:
        yield several
    finally:
        for each in several:
            each.stop()
