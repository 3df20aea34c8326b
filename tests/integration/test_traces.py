"""Traces of real workers: a span for each scoring request, below the caller's, whichever process answers."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import mlflow.pyfunc
import pandas as pd
import pytest
from mlflow.models import infer_signature

from cuelight.journal.record import Prediction
from cuelight.registry.memory import MemoryRegistry
from tests.support import models
from tests.support.collector import Collector, Span, collecting
from tests.support.connection import connected, head, read_answer
from tests.support.host import POOL, Host, eventually, running
from tests.support.journal import stored
from tests.support.models import ZEROS, Shelf

SPAN = "POST /models/{name}/invocations"
STAGES = {"queue", "decode", "predict", "encode"}
PLANTED = "Quetzalcoatl"


def _save(folder: Any) -> None:
    class Asked(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        """Answers with the trace that it is asked in, and traces what it does."""

        def predict(self, context: Any, model_input: pd.DataFrame) -> list[str]:
            from opentelemetry import propagate, trace

            carried: dict[str, str] = {}
            propagate.inject(carried)
            with trace.get_tracer("asked").start_as_current_span("features"):
                return [carried.get("traceparent", "")] * len(model_input)

    frame = pd.DataFrame({"a": [0.0], "b": [0.0]})
    signature = infer_signature(frame, ["00-trace"])
    requirements = ["mlflow"]
    mlflow.pyfunc.save_model(
        folder, python_model=Asked(), signature=signature, input_example=frame, pip_requirements=requirements
    )


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """A collector that is up."""
    with collecting() as made:
        yield made


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Host]:
    """A host that sends traces; version 2 of `quick` is on no track."""
    folder, registry = tmp_path_factory.mktemp("traces"), MemoryRegistry()
    with running(folder / "home", registry, telemetry_traces=collector.url, serving_workers=1) as host:
        shelf = Shelf(registry, folder / "shelf", host.settings.keys_folder)
        shelf.add("quick", models.constant(1.0))
        shelf.add("quick", models.constant(2.0))
        shelf.add("crowded", models.crowded(0.3), form="cloudpickle")
        shelf.add("raising", models.moody(1.0, fails=0.5), form="cloudpickle")
        shelf.keep("asked", _save)
        for name in ("quick", "crowded", "raising", "asked"):
            registry.set_stage(name, 1, "Production")
            host.wait_for(name, 1)
        yield host


def _parent(number: int, flags: str = "01") -> dict[str, str]:
    return {"traceparent": f"00-{number:032x}-{number:016x}-{flags}"}


def _spans(collector: Collector, number: int, names: set[str]) -> dict[str, Span]:
    """The spans of the trace with that number, when these are there."""
    trace = f"{number:032x}"
    return dict(eventually(lambda: (found := collector.trace(trace)).keys() >= names and found, reason="no such spans"))


def _flask(host: Host, number: int) -> None:
    """A request that the loop leaves to Flask."""
    body = json.dumps(ZEROS).encode()
    fields = [f"traceparent: {_parent(number)['traceparent']}", "Connection: close"]
    with connected(host) as connection:
        connection.sendall(head("quick", len(body), *fields) + body)
        assert read_answer(connection)[0] == 200


def test_a_request_is_a_span_below_the_callers(traced: Host, collector: Collector) -> None:
    """On the loop and by Flask, with its stages below it; the journal has the trace's id."""
    answer = traced.score("quick", ZEROS, **_parent(1))
    _flask(traced, 2)
    for number in (1, 2):
        spans = _spans(collector, number, STAGES | {SPAN})
        span = spans.pop(SPAN)
        assert span.parent == f"{number:016x}"
        assert {each.parent for each in spans.values()} == {span.id}
        assert not span.failed
        assert all(span.began <= each.began <= each.ended <= span.ended for each in spans.values())
    attributes = _spans(collector, 1, {SPAN})[SPAN].attributes
    assert attributes == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.route": "/models/{name}/invocations",
        "url.scheme": "http",
        "cuelight.prediction_id": answer.headers["X-Prediction-Id"],
        "cuelight.model": "quick",
        "cuelight.version": 1,
        "cuelight.track": "Production",
        "cuelight.arm": "champion",
        "cuelight.generation": int(answer.headers["X-Cuelight-Generation"]),
        "cuelight.rows": 1,
        "cuelight.batch.calls": 1,
    }
    records = [each for each in stored(traced.settings.journal_folder) if isinstance(each, Prediction)]
    kept = {each.prediction_id: each.trace_id for each in records}
    assert kept[answer.headers["X-Prediction-Id"]] == f"{1:032x}"


def test_a_model_knows_the_trace_that_it_is_asked_in(traced: Host, collector: Collector) -> None:
    """What it hands on names the prediction's span; its own spans are below that; an unwanted trace stays so."""
    (carried,) = traced.score("asked", ZEROS, **_parent(3)).json()["predictions"]
    spans = _spans(collector, 3, {"predict", "features"})
    assert carried == f"00-{3:032x}-{spans['predict'].id}-01"
    assert spans["features"].parent == spans["predict"].id
    (carried,) = traced.score("asked", ZEROS, **_parent(4, "00")).json()["predictions"]
    assert (carried[:36], carried[-3:]) == (f"00-{4:032x}-", "-00")
    traced.score("quick", ZEROS, **_parent(5))
    _spans(collector, 5, {SPAN})
    assert collector.trace(f"{4:032x}") == {}


def test_a_version_on_no_track_is_traced_where_it_is(traced: Host, collector: Collector) -> None:
    """By the annex, from the moment the worker had the request; a worker adds no span of its own."""
    traced.score("quick", ZEROS, **_parent(6))
    eventually(lambda: traced.score("quick", ZEROS, "/versions/2", **_parent(7)).status == 200)
    worker, guest = (_spans(collector, number, STAGES | {SPAN})[SPAN] for number in (6, 7))
    assert guest.process not in (worker.process, os.getpid())
    assert guest.parent == f"{7:016x}"
    assert len([each for each in collector.named(SPAN) if each.trace == guest.trace and not each.failed]) == 1


def test_callers_who_share_a_prediction_link_to_it(traced: Host, collector: Collector) -> None:
    """Of those that a slow model answers together, one has its prediction and the others link to that."""
    threads = [
        threading.Thread(target=traced.score, args=("crowded", ZEROS), kwargs=_parent(number))
        for number in range(20, 32)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    found = [_spans(collector, number, {SPAN, "predict"}) for number in range(20, 32)]
    leaders = {each["predict"].id for each in found if not each["predict"].links}
    assert 0 < len(leaders) < len(found)
    assert {link for each in found for link in each["predict"].links} <= leaders
    assert max(each[SPAN].attributes["cuelight.batch.calls"] for each in found) > 1


def test_no_input_is_in_a_trace_and_a_failure_is(traced: Host, collector: Collector) -> None:
    """Neither body, path, headers nor the model's message; the log line names the trace."""
    content = {"dataframe_split": {"columns": ["a", "b"], "data": [[1.0, 0.0]]}}
    more = {"X-Request-Id": PLANTED, "User-Agent": PLANTED, "tracestate": f"vendor={PLANTED}"}
    assert traced.score("raising", content, **_parent(8), **more).status == 500
    assert traced.score(PLANTED, content, **_parent(9), **more).status == 404
    assert (
        traced.score("quick", {"dataframe_split": {"columns": [PLANTED], "data": [[1]]}}, **_parent(10)).status == 400
    )
    span, *others = (_spans(collector, number, {SPAN})[SPAN] for number in (8, 9, 10))
    assert span.failed
    assert span.attributes["error.type"] == "500"
    assert not any(each.failed for each in others)
    assert PLANTED.encode() not in collector.raw
    eventually(lambda: f"{8:032x}" in {each.get("trace_id") for each in _said(traced, "model-fault")})


def test_a_new_worker_traces_as_the_one_that_was_killed(traced: Host, collector: Collector) -> None:
    """Its spans come from another process."""
    traced.score("quick", ZEROS, **_parent(11))
    before = _spans(collector, 11, {SPAN})[SPAN].process
    os.kill(before, signal.SIGKILL)
    eventually(lambda: {each.pid for each in traced.workers()} - {before} and traced.ready())
    eventually(lambda: traced.serves("quick", 1))
    traced.score("quick", ZEROS, **_parent(12))
    assert _spans(collector, 12, STAGES | {SPAN})[SPAN].process not in (before, os.getpid())


def test_a_collector_that_is_away_is_not_missed(traced: Host, collector: Collector) -> None:
    """Answers go on; what it did not take is counted, and said once in the log; the next ones reach it again."""
    collector.down()
    assert traced.score("quick", ZEROS, **_parent(13)).status == 200
    eventually(lambda: _dropped(traced) >= 5, reason="no span was counted as dropped")
    collector.up()
    traced.score("quick", ZEROS, **_parent(14))
    _spans(collector, 14, STAGES | {SPAN})
    eventually(lambda: _said(traced, "traces"))


def _said(host: Host, action: str) -> list[dict[str, Any]]:
    """The log's lines about that."""
    lines = map(json.loads, (host.settings.home / "serve.log").read_text().splitlines())
    return [each for each in lines if each["action"] == action]


def _dropped(host: Host) -> float:
    page = POOL.request("GET", f"{host.url}/metrics").data.decode()
    return sum(float(line.split()[-1]) for line in page.splitlines() if line.startswith("cuelight_spans_dropped_total"))
