from __future__ import annotations

import gzip
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from cuelight.kit.errors import BadInput, NotFound, Unavailable
from cuelight.protocol.fit import Limits
from cuelight.protocol.rows import Rows
from cuelight.protocol.signature import Column, Signature
from cuelight.registry.model import Track, VersionId
from cuelight.serving.answering.call import Asked, Call, patience
from cuelight.serving.answering.choice import choose, default
from cuelight.serving.answering.outcome import Outcome
from cuelight.serving.answering.residents import Cast
from cuelight.serving.answering.scoring import respond
from cuelight.serving.host.deployment import Deployment, Served, Standby
from cuelight.serving.versions.loader import LoadedVersion, Output

PROD, STAG = Track.PRODUCTION, Track.STAGING
BODY = b'{"instances": [[1], [2]]}'


def _served(version: int, model: str = "m") -> Served:
    return Served(VersionId(model, version, 1, "s"), f"d{version}", "", "r", "stage", 0.0)


DEPLOYMENT = Deployment(
    7,
    0.0,
    {("m", PROD): _served(3), ("m", STAG): _served(4), ("n", STAG): _served(1, "n")},
    {"m": {"best": 3, "next": 4, "old": 2, "gone": 1}},
    (Standby(_served(2), 9.0), Standby(_served(9, "n"), 9.0)),
)


def _call(**changes: Any) -> Call:
    of_call = {name: changes.pop(name) for name in ("body", "request_id", "client", "fault") if name in changes}
    return structs.replace(Call(Asked("m", "application/json", **changes), BODY, "req"), **of_call)


@pytest.mark.parametrize(
    ("asked", "version", "track", "arm"),
    [
        ({}, 3, "Production", "champion"),
        ({"track": "Production"}, 3, "Production", "champion"),
        ({"track": "staging"}, 4, "Staging", "pinned"),
        ({"alias": "best"}, 3, "Production", "pinned"),
        ({"alias": "next"}, 4, "Staging", "pinned"),
        ({"alias": "old"}, 2, "", "pinned"),
        ({"version": "4"}, 4, "Staging", "pinned"),
        ({"version": "2"}, 2, "", "pinned"),
    ],
)
def test_a_call_finds_its_version(asked: dict[str, Any], version: int, track: str, arm: str) -> None:
    """By track, Production where none is named, by alias, or by number, also of one that stands by."""
    choice = choose(DEPLOYMENT, "m", _call(**asked).asked)
    assert (choice.served.id.version, choice.track, choice.arm) == (version, track, arm)


@pytest.mark.parametrize(
    ("model", "asked", "says"),
    [
        ("x", {}, "Model 'x' is not served. Served models: m, n."),
        ("n", {}, "has no version in Production. Served: version 1 in Staging."),
        ("m", {"track": "Archived"}, "ask for Production or Staging"),
        ("m", {"alias": "nobody"}, "Its aliases: best, gone, next, old."),
        ("n", {"alias": "nobody"}, "It has none."),
        ("m", {"alias": "gone"}, "Version 1 of 'm' is not loaded"),
        ("m", {"version": "8"}, "Served: version 3 in Production, version 4 in Staging."),
        ("m", {"version": "0"}, "Version 0 of 'm' is not loaded"),
        ("m", {"version": "9"}, "Version 9 of 'm' is not loaded"),
    ],
)
def test_what_is_not_served_is_said_with_what_is(model: str, asked: dict[str, Any], says: str) -> None:
    """The message names what could be asked for instead; no number falls back to another version."""
    with pytest.raises(NotFound) as caught:
        choose(DEPLOYMENT, model, _call(**asked).asked)
    assert says in str(caught.value)


def test_the_default_model_is_the_only_one_or_the_configured_one() -> None:
    """With several and no setting there is none; nothing served is said so."""
    only = replace(DEPLOYMENT, tracks={("m", PROD): _served(3)})
    assert (default(only, ""), default(DEPLOYMENT, "n")) == ("m", "n")
    with pytest.raises(NotFound, match="Served models: m, n"):
        default(DEPLOYMENT, "")
    with pytest.raises(NotFound, match="No model is served yet"):
        default(Deployment(), "")


def _cast(predict: Any = None) -> Cast:
    def double(rows: Rows, _parameters: Mapping[str, Any]) -> Output:
        return Output(np.asarray(rows.columns["a"]) * 2, {"classes": ["x"], "values": [[1.0]] * rows.count})

    signature = Signature((Column("a", "double"),))
    loaded = LoadedVersion("d3", signature, signature.to_json(), "sklearn", True, predict or double, 0.1)
    return Cast(DEPLOYMENT, {"d3": loaded}, {"d4": "m version 4: its files are gone"})


def _respond(call: Call, predict: Any = None) -> tuple[int, Any, Outcome]:
    outcome = respond(lambda: _cast(predict), [call], Limits(10))[0]
    return outcome.answer.status, json.loads(outcome.answer.body), outcome


def test_an_answer_says_who_gave_it_and_is_recorded() -> None:
    """Headers and record name version, track, arm and generation; bodies are recorded as they went over the wire."""
    status, document, outcome = _respond(_call(client="c"))
    assert (status, document) == (200, {"predictions": [2.0, 4.0]})
    headers, record = outcome.answer.headers, outcome.record
    assert headers["X-Prediction-Id"] == record.prediction_id
    assert {name: headers[name] for name in headers if name.startswith(("X-M", "X-R", "X-C"))} == {
        "X-Request-Id": "req",
        "X-Model-Name": "m",
        "X-Model-Version": "3",
        "X-Model-Track": "Production",
        "X-Cuelight-Generation": "7",
    }
    assert (record.model, record.version, record.digest, record.arm) == ("m", 3, "d3", "champion")
    assert (record.status, record.rows, record.generation, record.client) == (200, 2, 7, "c")
    assert (record.request, record.response) == (BODY, outcome.answer.body)
    assert record.probabilities == {"classes": ["x"], "values": [[1.0], [1.0]]}
    assert outcome.loaded is not None


def test_a_bad_row_is_the_callers_fault_and_recorded() -> None:
    """400 in the one shape, with the request's id; what was asked is recorded with the reason."""
    status, document, outcome = _respond(_call(body=b'{"instances": [["x"]]}'))
    assert (status, set(document), document["request_id"]) == (400, {"error_code", "message", "request_id"}, "req")
    assert (outcome.record.status, outcome.record.version, outcome.record.error) == (400, 3, document["message"])


@pytest.mark.parametrize("answer", [ValueError("secret-x"), object(), [2**70]])
def test_what_a_model_gets_wrong_is_500_without_its_words(answer: Any) -> None:
    """An exception and an answer that is no JSON are the model's fault, recorded; its message may hold values."""

    def fail(_rows: Rows, _parameters: Mapping[str, Any]) -> Output:
        if isinstance(answer, Exception):
            raise answer
        return Output(answer)

    status, document, outcome = _respond(_call(), fail)
    assert (status, document["error_code"], outcome.record.status) == (500, "MODEL_FAULT", 500)
    assert "secret-x" not in outcome.answer.body.decode() + outcome.record.error


def test_what_nobody_foresaw_is_answered_and_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours is a 500 in the one shape that says nothing of the input, and in the journal like any other."""

    def fail(*_: object) -> None:
        raise ValueError("secret-x")

    monkeypatch.setattr("cuelight.serving.answering.attempt.choose", fail)
    status, document, outcome = _respond(_call())
    assert (status, document["error_code"], outcome.record.status) == (500, "INTERNAL_ERROR", 500)
    assert "req" in document["message"]
    assert "secret-x" not in outcome.answer.body.decode() + outcome.record.error


def test_a_version_that_could_not_be_loaded_is_503_with_the_reason() -> None:
    """It names what is missing and when to try again."""
    status, document, outcome = _respond(_call(track="Staging"))
    assert (status, outcome.answer.headers["Retry-After"]) == (503, "1")
    assert "m version 4: its files are gone" in document["message"]


def test_a_worker_that_is_not_ready_answers_503() -> None:
    """Without a generation nobody is named, and it is recorded all the same."""

    def away() -> Cast:
        raise Unavailable("not yet", retry_after=2.6)

    outcome = respond(away, [_call()], Limits(10))[0]
    assert (outcome.answer.status, outcome.answer.headers["Retry-After"]) == (503, "3")
    assert "X-Model-Name" not in outcome.answer.headers
    assert (outcome.record.status, outcome.record.version, outcome.record.request) == (503, 0, BODY)


def _answers(calls: list[Call], predict: Any) -> list[Outcome]:
    return respond(lambda: _cast(predict), calls, Limits(10))


def _rows(*values: float) -> bytes:
    return json.dumps({"instances": [[each] for each in values]}).encode()


def test_calls_for_one_version_are_predicted_together() -> None:
    """The model is asked once; each caller gets the answers for its own rows, with its own ids and probabilities."""
    asked: list[int] = []

    def double(rows: Rows, _parameters: Mapping[str, Any]) -> Output:
        asked.append(rows.count)
        values = np.asarray(rows.columns["a"])
        return Output(values * 2, {"classes": ["x"], "values": [[each] for each in values.tolist()]})

    outcomes = _answers([_call(body=_rows(1, 2)), _call(body=b"{"), _call(body=_rows(3))], double)
    assert asked == [3]
    assert [each.answer.status for each in outcomes] == [200, 400, 200]
    assert json.loads(outcomes[0].answer.body) == {"predictions": [2.0, 4.0]}
    assert json.loads(outcomes[2].answer.body) == {"predictions": [6.0]}
    assert outcomes[2].record.probabilities == {"classes": ["x"], "values": [[3.0]]}
    assert len({each.record.prediction_id for each in outcomes}) == 3


def test_a_row_that_makes_the_model_fail_fails_its_caller_alone() -> None:
    """Joined rows that fail are predicted call by call."""

    def picky(rows: Rows, _parameters: Mapping[str, Any]) -> Output:
        if 13 in rows.columns["a"].tolist():
            raise ValueError("unlucky")
        return Output(np.asarray(rows.columns["a"]))

    outcomes = _answers([_call(body=_rows(1)), _call(body=_rows(13)), _call(body=_rows(3))], picky)
    assert [each.answer.status for each in outcomes] == [200, 500, 200]
    assert json.loads(outcomes[2].answer.body) == {"predictions": [3.0]}


def test_an_answer_without_one_prediction_a_row_is_never_shared_out() -> None:
    """A model that answers in its own way is asked call by call."""
    outcomes = _answers(
        [_call(body=_rows(1)), _call(body=_rows(2, 3))], lambda rows, _: Output({"sum": float(rows.columns["a"].sum())})
    )
    assert [json.loads(each.answer.body)["predictions"] for each in outcomes] == [{"sum": 1.0}, {"sum": 5.0}]


def test_what_a_model_raises_is_logged_without_its_message(caplog: pytest.LogCaptureFixture) -> None:
    """The log says which kind of error, where, and for which request; the message may hold the caller's values."""

    def fail(_rows: Rows, _parameters: Mapping[str, Any]) -> Output:
        raise ValueError("secret-value")

    outcome = _answers([_call()], fail)[0]
    record = caplog.records[-1]
    fields: dict[str, Any] = record.fields  # type: ignore[attr-defined]
    assert (record.getMessage(), fields["request_id"]) == ("ValueError", "req")
    assert any("test_scoring.py" in each for each in fields["where"])
    assert "secret-value" not in json.dumps(fields) + record.getMessage() + outcome.answer.body.decode()


def test_work_past_its_deadline_is_not_begun() -> None:
    """A call whose time is over is neither decoded nor predicted: 504, whatever its body holds."""
    seen: list[int] = []

    def spy(rows: Rows, _parameters: Mapping[str, Any]) -> Output:
        seen.append(rows.count)
        return Output(np.zeros(rows.count), None)

    late = structs.replace(_call(body=b"not JSON"), deadline=time.monotonic() - 1)
    status, document, outcome = _respond(late, spy)
    assert (status, document["error_code"], outcome.record.model) == (504, "DEADLINE_EXCEEDED", "m")
    assert seen == []


def test_an_answer_past_its_deadline_is_no_answer() -> None:
    """The model took too long for one of two callers: that one gets 504, the other its predictions."""

    def slow(rows: Rows, _parameters: Mapping[str, Any]) -> Output:
        time.sleep(0.05)
        return Output(np.zeros(rows.count), None)

    now = time.monotonic()
    calls = [structs.replace(_call(), deadline=now + 0.01), structs.replace(_call(), deadline=now + 60)]
    outcomes = respond(lambda: _cast(slow), calls, Limits(10))
    assert [each.record.status for each in outcomes] == [504, 200]


def test_latency_counts_from_when_the_request_had_come() -> None:
    """Time spent waiting for a busy version is part of it, and the record's time is that of the arrival."""
    _, _, outcome = _respond(structs.replace(_call(), arrived=time.monotonic() - 5))
    assert outcome.record.latency_ms >= 5000
    assert outcome.record.time <= time.time() - 5


def test_work_is_measured_by_version() -> None:
    """Calls predicted together are one predict, and their bodies add up; what fails together is counted alone."""
    outcomes = respond(lambda: _cast(None), [_call(), _call()], Limits(10))
    assert outcomes[0].work is outcomes[1].work
    assert outcomes[0].work is not None
    assert (outcomes[0].work.digest, outcomes[0].work.size, outcomes[0].work.predicts) == ("d3", 2 * len(BODY), 1)
    assert outcomes[0].work.seconds > 0
    alone = respond(
        lambda: _cast(None), [structs.replace(_call(), asked=Asked("m", "text/csv"), body=b"a\n1\n")], Limits(10)
    )
    assert alone[0].work is not None
    assert alone[0].work.predicts == 1
    assert _respond(_call(body=b"not JSON"))[2].work is None
    body = gzip.compress(BODY)
    (packed,) = respond(lambda: _cast(None), [structs.replace(_call(encoding="gzip"), body=body)], Limits(10))
    assert packed.work is not None
    assert (packed.work.size, packed.work.packed) == (len(body), True)


@pytest.mark.parametrize("given", ["", "0", "-5", "1.5", "1e3", "0x10", " 5", "٣", "9" * 10])
def test_a_timeout_is_a_whole_positive_number(given: str) -> None:
    """Anything else is refused; none means the longest that the settings allow."""
    if not given:
        assert patience(given, 30.0) == 30.0
        return
    with pytest.raises(BadInput, match="X-Request-Timeout-Ms"):
        patience(given, 30.0)


def test_a_timeout_is_capped() -> None:
    """A caller may ask for less than the settings allow, not for more."""
    assert (patience("50", 30.0), patience("007", 30.0), patience("999999999", 30.0)) == (0.05, 0.007, 30.0)
