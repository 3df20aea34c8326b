"""A collector of OpenTelemetry's traces on this machine: takes what is posted to it by OTLP, and keeps it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support import answering
from tests.support.ports import free_port


@dataclass(frozen=True)
class Span:
    """A span as it arrived; ids in hexadecimal, times in nanoseconds since the epoch, `process` by its id."""

    name: str
    trace: str
    id: str
    parent: str
    began: int
    ended: int
    failed: bool
    attributes: dict[str, Any]
    links: tuple[str, ...]
    process: int


class Collector:
    """Keeps all spans, and the bytes that they came as; `status` is that of its answers."""

    def __init__(self) -> None:
        self.url = f"http://127.0.0.1:{free_port()}/v1/traces"
        self.status = 200
        self.spans: list[Span] = []
        self.raw = b""
        self.may_answer = threading.Event()
        self.may_answer.set()
        self._server: ThreadingHTTPServer | None = None

    def up(self) -> None:
        """Listen."""
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.may_answer.wait(60)
                if collector.status == 200:
                    collector.raw += body
                    collector.spans += _read(body)
                self.send_response(collector.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        port = int(self.url.split(":")[2].split("/")[0])
        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        answering.start(self._server)

    def down(self) -> None:
        """Listen no more."""
        if self._server:
            answering.stop(self._server)
            self._server = None

    def named(self, name: str) -> list[Span]:
        """The spans of that name."""
        return [each for each in list(self.spans) if each.name == name]

    def trace(self, trace: str) -> dict[str, Span]:
        """The spans of a trace by name."""
        return {each.name: each for each in list(self.spans) if each.trace == trace}


def _read(body: bytes) -> Iterator[Span]:
    request = ExportTraceServiceRequest.FromString(body)
    for resource in request.resource_spans:
        about = _attributes(resource.resource)
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Span(
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    span.status.code == 2,
                    _attributes(span),
                    tuple(each.span_id.hex() for each in span.links),
                    about["process.pid"],
                )


def _attributes(holder: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in holder.attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that is up."""
    made = Collector()
    made.up()
    try:
        yield made
    finally:
        made.may_answer.set()
        made.down()
