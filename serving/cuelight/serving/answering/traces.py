"""OpenTelemetry traces of scoring requests: a span each, and its stages below it.

Imported where `telemetry.traces` is set, and nowhere else: OpenTelemetry is. Spans hold what the metrics hold, and the
prediction's id: nothing that a caller sent, but for the ids of the caller's own trace.

A span begins before its call is decoded, since a model may want to know whose call it works on, and ends when the
answer has left. A thread of its own encodes and sends them, from a queue that is bounded.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata

from opentelemetry import context
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, Tracer, set_span_in_context, set_tracer_provider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from cuelight.kit.log import adopt
from cuelight.protocol.media import INFERENCE, MLFLOW
from cuelight.serving.answering.call import Call
from cuelight.serving.answering.outcome import Outcome, Work

QUEUE, DECODE, PREDICT, ENCODE = "queue", "decode", "predict", "encode"
_ROUTES = {MLFLOW: "/models/{name}/invocations", INFERENCE: "/v2/models/{name}/infer"}
_MOST_SPANS, _AT_ONCE = 4096, 512  # that wait to be exported, and in one message
_EXPORT_SECONDS, _TIMEOUT_SECONDS, _CLOSE_SECONDS = 1.0, 5.0, 1.0
_SAY_AGAIN_SECONDS = 60.0
_W3C = TraceContextTextMapPropagator()


class Trace:
    """One call's span, and what was found out for it; times by `time.monotonic`, in seconds.

    `leader` is the trace in whose name the model was asked, for this call and those beside it.
    """

    __slots__ = ("_tracer", "arrived", "asked", "decoding", "leader", "queued", "shift", "span")

    def __init__(self, tracer: Tracer, call: Call) -> None:
        self._tracer = tracer
        self.arrived = call.arrived
        self.shift = time.time_ns() - time.monotonic_ns()
        parent = _W3C.extract({"traceparent": call.traceparent}, Context()) if call.traceparent else Context()
        route = _ROUTES[call.asked.protocol]
        self.span = tracer.start_span(f"POST {route}", parent, SpanKind.SERVER, start_time=self.clock(call.arrived))
        self.queued = self.decoding = 0.0
        self.leader: Trace | None = None
        self.asked: tuple[Span, float, float] | None = None

    @property
    def id(self) -> str:
        """The trace's id, also of one that is not sampled."""
        return f"{self.span.get_span_context().trace_id:032x}"

    @property
    def sampled(self) -> bool:
        """Whether somebody will see it."""
        return self.span.is_recording()

    def clock(self, moment: float) -> int:
        """That moment in nanoseconds since the epoch."""
        return int(1e9 * moment) + self.shift

    @contextmanager
    def predicting(self) -> Iterator[None]:
        """While the model works: what it asks others, or traces itself, is below this call's span."""
        began = time.monotonic()
        span = self.child(PREDICT, began)
        token = context.attach(set_span_in_context(span, Context()))
        try:
            yield
        finally:
            context.detach(token)
            ended = time.monotonic()
            span.end(self.clock(ended))
            self.asked = span, began, ended

    def note(self, queued: float, decoding: float, work: Work | None) -> None:
        """How far the call came, when its answer is made."""
        self.queued, self.decoding, self.leader = queued, decoding, work.trace if work else None

    def child(self, name: str, began: float, links: Sequence[Link] = ()) -> Span:
        """A span below this call's."""
        parent = set_span_in_context(self.span, Context())
        return self._tracer.start_span(name, parent, links=links, start_time=self.clock(began))


class Traces:
    """One process's spans, exported to `endpoint` by OTLP over HTTP.

    `share` of the requests that don't say by `traceparent` whether they are traced. `dropped` is told how many spans
    found no room, or were not taken there.
    """

    def __init__(self, endpoint: str, share: float, host: str, dropped: Callable[[int], None]) -> None:
        about: dict[str, AttributeValue] = {
            "service.name": "cuelight",
            "service.version": metadata.version("cuelight"),
            "service.instance.id": f"{host}/{os.getpid()}",
            "host.name": host,
            "process.pid": os.getpid(),
        }
        adopt("opentelemetry", "traces", _SAY_AGAIN_SECONDS)
        sampler = ParentBased(TraceIdRatioBased(share))
        self._provider = TracerProvider(sampler, Resource.create(about), shutdown_on_exit=False)
        self._provider.add_span_processor(_Queue(OTLPSpanExporter(endpoint, timeout=_TIMEOUT_SECONDS), dropped))
        self._tracer = self._provider.get_tracer("cuelight")

    def install(self) -> None:
        """Let spans that a model's own code makes go the same way."""
        set_tracer_provider(self._provider)

    def begin(self, call: Call) -> Trace | None:
        """A call is taken up. One in the shadow answers nobody and has no trace."""
        return None if call.mirrors else Trace(self._tracer, call)

    def end(self, outcomes: Sequence[Outcome]) -> None:
        """Their answers have left."""
        now = time.monotonic()
        for each in outcomes:
            if each.trace and each.trace.sampled:
                _describe(each.trace.span, each)
                _add_stages(each.trace, each)
                each.trace.span.end(each.trace.clock(now))

    def close(self) -> None:
        """Export what is left, as far as that is quickly done."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(_CLOSE_SECONDS)


def _describe(span: Span, outcome: Outcome) -> None:
    record, work = outcome.record, outcome.work
    span.set_attributes(
        {
            "http.request.method": "POST",
            "http.response.status_code": record.status,
            "http.route": _ROUTES[record.protocol],
            "url.scheme": "http",
            "cuelight.prediction_id": record.prediction_id,
            "cuelight.model": record.model,
            "cuelight.version": record.version,
            "cuelight.track": record.track,
            "cuelight.arm": record.arm,
            "cuelight.generation": record.generation,
            "cuelight.rows": record.rows,
            "cuelight.batch.calls": work.calls if work and work.predicts == 1 else 1,
        }
    )
    if record.status >= 500:
        span.set_attribute("error.type", str(record.status))
        span.set_status(StatusCode.ERROR)


def _add_stages(trace: Trace, outcome: Outcome) -> None:
    """The stages as far as the call came; the call that the model was asked for has its `predict` already."""
    at = trace.arrived
    for name, seconds in ((QUEUE, trace.queued), (DECODE, trace.decoding)):
        if seconds:
            trace.child(name, at).end(trace.clock(at + seconds))
            at += seconds
    leader = trace.leader
    if leader is None or leader.asked is None:
        return
    span, began, ended = leader.asked
    if leader is not trace:
        trace.child(PREDICT, began, [Link(span.get_span_context())]).end(trace.clock(ended))
    if outcome.record.status == 200:
        made = trace.arrived + outcome.record.latency_ms / 1000
        trace.child(ENCODE, ended).end(trace.clock(made))


class _Queue(BatchSpanProcessor):
    """Never holds anybody up: what finds no room is counted and dropped."""

    def __init__(self, exporter: SpanExporter, dropped: Callable[[int], None]) -> None:
        self._dropped = dropped
        self._waiting = 0
        self._lock = threading.Lock()
        super().__init__(_Counting(exporter, self._leave), _MOST_SPANS, 1000 * _EXPORT_SECONDS, _AT_ONCE)

    def on_end(self, span: ReadableSpan) -> None:
        with self._lock:
            fits = self._waiting < _MOST_SPANS
            self._waiting += fits
        if fits:
            super().on_end(span)
        else:
            self._dropped(1)

    def _leave(self, number: int, taken: bool) -> None:
        with self._lock:
            self._waiting -= number
        if not taken:
            self._dropped(number)


class _Counting(SpanExporter):
    """Says of each message how many spans it had, and whether it was taken."""

    def __init__(self, exporter: SpanExporter, tell: Callable[[int, bool], None]) -> None:
        self._exporter, self._tell = exporter, tell

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            self._tell(len(spans), result is SpanExportResult.SUCCESS)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()
