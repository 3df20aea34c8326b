from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cuelight.cli.explanation.document import document
from cuelight.cli.explanation.sources import Sources
from cuelight.cli.explanation.text import sentences
from cuelight.journal.lookup import Seen
from cuelight.journal.record import Label, Prediction
from cuelight.operations.history import Event
from cuelight.operations.retraining import RetrainRequest
from cuelight.registry import tags
from cuelight.registry.model import ModelVersion
from tests.support.journal import NOON, prediction

REQUEST = RetrainRequest(
    *(4, "m", 1, "Quality was lost.", {"verdict": "degraded", "link": "http://report"}, NOON, "finished", "", 1, 0.0),
    *(None, None, "staged", {}),
)


def _line(number: int, kind: str, version: int | None, at: float, host: str = "h", **detail: Any) -> Event:
    return Event(number, host, number, NOON + at, kind, "m", version, detail, "")


def _switch(number: int, version: int | None, generation: int, at: float, **more: Any) -> Event:
    detail = {"track": "Production", "before": None, "why": "stage", "generation": generation, "run_id": f"r{version}"}
    return _line(number, "switched", version, at, **{**detail, **more})


def _explained(asked: Prediction, *events: Event, **more: Any) -> dict[str, Any]:
    known = document(Sources([Seen("h", asked)], events=events, **more))
    json.dumps(known, allow_nan=False)
    return known


def test_the_line_before_the_answer_says_who_put_the_version_there() -> None:
    """Version, since when, why, by whom and instead of which; later lines and other hosts' lines say nothing of it."""
    known = _explained(
        prediction(100, version=2, generation=5),
        _switch(1, 1, 3, 0.0),
        _switch(2, 2, 5, 50.0, before=1, why="alias champion", by="ada"),
        _line(3, "traffic", 3, 60.0, canary=5.0, shadow=100.0, generation=5, by="ada"),
        _switch(4, 7, 6, 101.0),
        _switch(1, 9, 4, 99.0, host="other"),
    )
    held = known["in_charge"]
    assert (held["version"], held["since"], held["before"], held["why"]) == (2, NOON + 50.0, 1, "alias champion")
    assert (held["track"], held["on_track"], held["by"], held["generation"]) == ("Production", True, "ada", 5)
    assert (known["traffic"]["canary"], known["traffic"]["shadow"], known["traffic"]["by"]) == (5.0, 100.0, "ada")
    assert known["training"]["run_id"] == "r2"
    said = "\n".join(sentences(known))
    assert "Answered by m version 2, on Production, arm champion, generation 5 of host h" in said
    assert "On Production since 2023-11-15 12:00:50 UTC: alias champion, by ada, in place of version 1" in said
    assert "Traffic then: canary 5 %, shadow 100 %, control 0 %, by ada" in said


def test_the_generation_decides_where_the_clock_is_too_coarse() -> None:
    """A line may be written a moment after the first answers of its switch, and the last answers before it after it."""
    lines = [_switch(1, 1, 3, 0.0), _switch(2, 2, 4, 50.0)]
    early = _explained(prediction(49, version=2, generation=4), *lines)["in_charge"]
    late = _explained(prediction(51, version=1, generation=3), *lines)["in_charge"]
    assert (early["version"], late["version"]) == (2, 1)
    anew = [*lines, _switch(3, 5, 1, 3_000.0)]  # serving's folder was lost: generations begin anew
    assert _explained(prediction(3_100, version=5, generation=1), *anew)["in_charge"]["version"] == 5


def test_a_canary_is_explained_by_its_own_line() -> None:
    """It answered for Production, and was in Staging; so its line is that of Staging."""
    lines = [_switch(1, 1, 1, 0.0), _switch(2, 2, 2, 10.0, track="Staging", by="bob")]
    held = _explained(prediction(20, version=2, generation=2, arm="canary"), *lines)["in_charge"]
    assert (held["track"], held["version"], held["by"]) == ("Staging", 2, "bob")


def test_a_version_that_was_kept_loaded_had_been_on_a_track() -> None:
    """A control, or a version asked for by its number, may have left its track by then."""
    lines = [_switch(1, 1, 1, 0.0), _switch(2, 2, 2, 10.0, before=1)]
    known = _explained(prediction(20, version=1, generation=2, arm="control"), *lines)
    assert (known["in_charge"]["version"], known["in_charge"]["on_track"]) == (1, False)
    assert "It had left that track by then" in "\n".join(sentences(known))
    nowhere = _explained(prediction(20, version=8, generation=2, arm="pinned", track=""), *lines)
    assert (nowhere["in_charge"], nowhere["training"]) == (None, None)


def test_a_rollback_is_told_with_its_reason() -> None:
    """The version before answers again because the one after it did worse."""
    lines = [
        _switch(1, 1, 1, 0.0),
        _switch(2, 2, 2, 10.0, before=1),
        _line(3, "rolled-back", 2, 19.0, track="Production", to=1, reason="It failed.", by=""),
        _switch(4, 1, 3, 20.0, before=2, why="rolled back from version 2"),
    ]
    known = _explained(prediction(30, generation=3), *lines)
    assert known["in_charge"]["rollback"] == {"at": NOON + 19.0, "from": 2, "reason": "It failed.", "by": ""}
    assert "Rolled back: It failed." in "\n".join(sentences(known))
    assert _explained(prediction(9, generation=1), *lines)["in_charge"]["rollback"] is None


def test_training_is_told_by_tags_and_where_they_are_missing_by_the_history() -> None:
    """The registry knows pipeline and data; the history of a retraining knows run, reason and request by itself."""
    known = {
        tags.PIPELINE: "m",
        tags.DATA_FINGERPRINT: "f" * 64,
        tags.TRAINED_UNTIL: repr(NOON),
        tags.TRAINED_BECAUSE: "Quality was lost.",
        tags.RETRAIN_REQUEST: "4",
        tags.CHAMPION: "1",
    }
    version = ModelVersion("m", 2, 1_000, 1_000, "s", "r2", tags=known)
    told: dict[str, Any] = {
        "request": 4,
        "because": "Quality was lost.",
        "reason": "It gained.",
        "run_id": "r2",
        "run_url": "http://r",
    }
    lines = [_switch(1, 2, 1, 0.0), _line(2, "retrained", 2, -5.0, **told)]
    asked = prediction(10, version=2)
    full = _explained(asked, *lines, version=version, request=REQUEST)["training"]
    assert (full["data_fingerprint"], full["pipeline"], full["trained_until"]) == ("f" * 64, "m", NOON)
    assert (full["champion"], full["retrain_request"], full["run_url"]) == (1, 4, "http://r")
    down = _explained(asked, *lines, request=REQUEST, notes=("MLflow is down.",))
    assert (down["training"]["run_id"], down["training"]["because"]) == ("r2", "Quality was lost.")
    assert (down["training"]["data_fingerprint"], down["training"]["retrain_request"]) == (None, 4)
    said = "\n".join(sentences(down))
    assert "Retrain request 4 of 2023-11-15 12:00:00 UTC: Quality was lost." in said
    assert "Report: http://report" in said
    assert said.endswith("MLflow is down.")
    other = replace(version, run_id="r9")
    assert _explained(asked, lines[1], version=other)["training"]["run_url"] is None


def test_labels_and_the_shadow_stand_beside_the_answer() -> None:
    """What turned out to be true, and what Staging would have said."""
    asked = prediction(0)
    shadow = prediction(0, version=2, arm="shadow", track="Staging", predictions=[2.0])
    labels = [Label(NOON + 9, "m", "p0", 0, "yes")]
    known = document(Sources([Seen("h", shadow), Seen("h", asked)], labels))
    assert (known["prediction"]["version"], known["shadow"]["version"]) == (1, 2)
    assert known["labels"] == [{"row": 0, "label": "yes", "time": NOON + 9}]
    said = "\n".join(sentences(known))
    assert 'Label of row 0: "yes", sent 2023-11-15 12:00:09 UTC' in said
    assert 'Shadow: version 2, status 200: {"predictions": [2.0]}' in said


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"instances":\n [[1]]}', 'Request: {"instances": [[1]]}'),
        (b"\x1b[2Jgone", "Request: ·[2Jgone"),
        (b"\xff\x00", "Request: (2 bytes of application/json)"),
        (b"x" * 5_000, f"Request: {'x' * 2_000}…"),
    ],
)
def test_bodies_are_shown_as_far_as_they_are_text(body: bytes, shown: str) -> None:
    """Cut where they are long, on one line, and without what would steer a terminal."""
    known = _explained(prediction(0, request=body))
    assert shown in list(sentences(known))
    assert known["prediction"]["request"]["bytes"] == len(body)


def test_what_was_refused_is_explained_by_its_error() -> None:
    """No version answered, so nobody was in charge."""
    refused = prediction(0, model="", version=0, track="", arm="", status=404, error="Model 'x' is not served.")
    said = "\n".join(sentences(_explained(refused)))
    assert "Answered by no version, generation 1 of host h" in said
    assert "Error: Model 'x' is not served." in said
