"""Spans of calls that are answered together, and what becomes of those that nobody takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from msgspec import structs
from opentelemetry.trace import get_current_span

from cuelight.kit.errors import BadInput
from cuelight.protocol.fit import Limits
from cuelight.protocol.rows import Rows
from cuelight.protocol.signature import Column, Signature
from cuelight.registry.model import Track, VersionId
from cuelight.serving.answering.call import Asked, Call
from cuelight.serving.answering.outcome import Outcome
from cuelight.serving.answering.residents import Cast
from cuelight.serving.answering.scoring import respond
from cuelight.serving.answering.traces import Traces
from cuelight.serving.host.deployment import Deployment, Served
from cuelight.serving.versions.loader import LoadedVersion, Output
from tests.support.collector import Collector, Span, collecting
from tests.support.host import eventually

SPAN = "POST /models/{name}/invocations"
CALL = Call(Asked("m", "application/json"), b'{"instances": [[1]]}', "r")


def parent(number: int, flags: str = "01") -> str:
    """A `traceparent`."""
    return f"00-{number:032x}-{number:016x}-{flags}"


class Model:
    """Doubles, and keeps in whose name it was asked: the ids of trace and span."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def predict(self, rows: Rows, _parameters: Mapping[str, Any]) -> Output:
        here = get_current_span().get_span_context()
        self.asked.append((f"{here.trace_id:032x}", f"{here.span_id:016x}"))
        if rows.count > 1 and -1.0 in rows.columns["a"]:
            raise ValueError
        return Output(np.asarray(rows.columns["a"]) * 2)

    @property
    def cast(self) -> Cast:
        """It alone is served."""
        served = Served(VersionId("m", 3, 1, "s"), "d3", "", "r", "stage", 0.0)
        signature = Signature((Column("a", "double"),))
        loaded = LoadedVersion("d3", signature, signature.to_json(), "sklearn", True, self.predict, 0.1)
        return Cast(Deployment(7, 0.0, {("m", Track.PRODUCTION): served}), {"d3": loaded})


@contextmanager
def tracing(collector: Collector, share: float = 1.0) -> Iterator[tuple[Traces, list[int]]]:
    """Traces to `collector`, and what was dropped."""
    dropped: list[int] = []
    traces = Traces(collector.url, share, "h", dropped.append)
    yield traces, dropped
    traces.close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    """One that is up."""
    with collecting() as made:
        yield made


def answer(traces: Traces, calls: Sequence[Call], model: Model | None = None) -> list[Outcome]:
    """As a worker answers them."""
    cast = (model or Model()).cast
    outcomes = respond(lambda: cast, calls, Limits(10), begin_trace=traces.begin)
    traces.end(outcomes)
    return outcomes


def of(collector: Collector, number: int, spans: int) -> dict[str, Span]:
    """The spans of the trace with that number, when they are there."""
    return dict(
        eventually(lambda: len(found := collector.trace(f"{number:032x}")) == spans and found, reason="no such spans")
    )


def test_calls_that_are_predicted_together_share_one_prediction(collector: Collector) -> None:
    """One call's trace has the model's `predict`, with what the model does below it; the others' link to it."""
    model, calls = Model(), [structs.replace(CALL, traceparent=parent(number)) for number in (1, 2, 3)]
    with tracing(collector) as (traces, _):
        answer(traces, calls, model)
        first, *others = (of(collector, number, 5) for number in (1, 2, 3))
    assert model.asked == [(f"{1:032x}", first["predict"].id)]
    assert [each["predict"].links for each in others] == [(first["predict"].id,)] * 2
    assert first["predict"].links == ()
    for each in (first, *others):
        assert each[SPAN].attributes["cuelight.batch.calls"] == 3
        assert each["predict"].parent == each[SPAN].id
        assert each[SPAN].began <= each["queue"].began <= each["queue"].ended == each["decode"].began
        assert each["decode"].ended <= each["predict"].began <= each["predict"].ended == each["encode"].began
        assert each["encode"].ended <= each[SPAN].ended


def test_the_model_works_in_the_name_of_one_who_is_seen(collector: Collector) -> None:
    """Where the first call's caller wants no trace, the next one's has the prediction, and the first has no span."""
    model, calls = Model(), [structs.replace(CALL, traceparent=parent(*each)) for each in ((1, "00"), (2, "01"))]
    with tracing(collector) as (traces, _):
        outcomes = answer(traces, calls, model)
        of(collector, 2, 5)
    assert collector.trace(f"{1:032x}") == {}
    assert model.asked[0][0] == f"{2:032x}"
    assert [each.record.trace_id for each in outcomes] == [f"{1:032x}", f"{2:032x}"]


def test_calls_predicted_alone_have_predictions_of_their_own(collector: Collector) -> None:
    """After a row that makes the joined prediction fail, no call's trace links to another's."""
    bad = structs.replace(CALL, traceparent=parent(2), body=b'{"instances": [[-1]]}')
    with tracing(collector) as (traces, _):
        answer(traces, [structs.replace(CALL, traceparent=parent(1)), bad])
        spans = eventually(lambda: len(found := collector.named("predict")) == 3 and found)
    assert all(each.links == () for each in spans)
    assert {each.attributes["cuelight.batch.calls"] for each in collector.named(SPAN)} == {1}


@pytest.mark.parametrize("text", ["", "no", parent(0), f"{parent(1)}-", "00-" + "g" * 32 + "-" + "1" * 16 + "-01"])
def test_a_malformed_parent_is_ignored(text: str, collector: Collector) -> None:
    """The call has a trace of its own, as if the caller had sent none."""
    with tracing(collector) as (traces, _):
        outcome = answer(traces, [structs.replace(CALL, traceparent=text)])[0]
        span = eventually(lambda: collector.named(SPAN))[0]
    assert (span.parent, span.trace) == ("", outcome.record.trace_id)
    assert int(span.trace, 16) > 1


def test_a_share_of_those_who_do_not_say_is_traced(collector: Collector) -> None:
    """With none of them only the caller's own wish counts; the shadow has no trace, whatever the caller wished."""
    with tracing(collector, 0.0) as (traces, _):
        answer(traces, [CALL, structs.replace(CALL, traceparent=parent(1), mirrors="p")])
        answer(traces, [structs.replace(CALL, traceparent=parent(5))])
        of(collector, 5, 5)
    assert len(collector.spans) == 5


def test_a_refused_call_has_the_stages_that_it_came_to(collector: Collector) -> None:
    """It was in the queue, and no further; a caller's mistake is no error of the server's."""
    with tracing(collector) as (traces, _):
        answer(traces, [structs.replace(CALL, traceparent=parent(1), fault=BadInput("no"))])
        spans = of(collector, 1, 2)
    assert set(spans) == {SPAN, "queue"}
    assert spans[SPAN].attributes["http.response.status_code"] == 400
    assert not spans[SPAN].failed


def test_what_finds_no_room_is_dropped_and_counted(collector: Collector) -> None:
    """A collector that does not answer holds up nobody: the queue stays as long as it is, and all is accounted for."""
    collector.may_answer.clear()
    with tracing(collector) as (traces, dropped):
        for _ in range(1200):
            answer(traces, [CALL])
        assert sum(dropped) > 0
        collector.may_answer.set()
        eventually(lambda: len(collector.spans) + sum(dropped) == 5 * 1200, reason="some are in neither")


def test_what_is_not_taken_is_counted(collector: Collector) -> None:
    """A collector that refuses, and one that is not there; to close does not wait for it."""
    collector.status = 400
    with tracing(collector) as (traces, dropped):
        answer(traces, [CALL])
        eventually(lambda: sum(dropped) == 5)
        collector.down()
        answer(traces, [CALL])
        eventually(lambda: sum(dropped) == 10)
