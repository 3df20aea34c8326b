"""What became of a model, as steps."""

from __future__ import annotations

from itertools import count
from typing import Any

from cuelight.monitoring.board.model.timeline import Step, timeline
from cuelight.monitoring.board.moods import ALARM, CALM
from cuelight.operations.history import Event
from cuelight.operations.kinds import Kind
from cuelight.registry import tags
from cuelight.registry.model import ModelVersion

_NUMBERS = count(1)
_RUN = "http://127.0.0.1:5000/#/experiments/2/runs/abc/artifacts/report.html"


def _event(kind: Kind, at: float, version: int | None = 1, writer: str = "one", **detail: Any) -> Event:
    number = next(_NUMBERS)
    return Event(number, writer, number, at, kind, "a wine", version, detail, "")


def _switch(at: float, version: int | None, track: str, writer: str = "one", **detail: Any) -> Event:
    given = {"track": track, "before": None, "why": "stage", "by": "", **detail}
    return _event(Kind.SWITCHED, at, version, writer, **given)


def _steps(*events: Event, versions: tuple[ModelVersion, ...] = ()) -> list[Step]:
    return timeline(events, versions, "/mlflow/")


def test_the_story_is_told_backwards() -> None:
    """Trained, Staging, canary, Production, drift, retrained: each with where MLflow shows it by this door."""
    version = ModelVersion("a wine", 1, 1000, 1000, "s", "r1", tags={tags.PIPELINE: "p", tags.GATE_REASON: "Good."})
    steps = _steps(
        _event(Kind.DRIFT, 50.0, verdict="drift", reason="x strayed.", link=_RUN),
        _switch(20.0, 1, "Staging", by="Ada"),
        _event(Kind.TRAFFIC, 30.0, canary=5.0, shadow=0.0, control=0.0, why="step 1 of 2"),
        _switch(40.0, 1, "Production", before=7),
        _event(Kind.RETRAINED, 60.0, 2, outcome="staged", reason="Better.", run_url=_RUN),
        versions=(version,),
    )
    assert [each.title for each in steps] == [
        "Retraining: staged",
        "Drift report: drift",
        "Version 1 answers Production",
        "Traffic: canary 5 %",
        "Version 1 answers Staging",
        "Version 1 trained",
    ]
    assert [each.mood for each in steps[:2]] == [CALM, ALARM]
    assert [steps[2].says, steps[4].says, steps[5].says] == ["stage, in place of version 7", "stage, by Ada", "Good."]
    assert steps[1].link == "/mlflow/#/experiments/2/runs/abc/artifacts/report.html"
    assert steps[2].link == "/mlflow/#/models/a%20wine/versions/1"
    assert steps[5].link == "/mlflow/#/runs/r1"


def test_what_every_host_tells_is_one_step() -> None:
    """Their generations and moments differ; a second switch of the same host is one of its own."""
    steps = _steps(
        _switch(10.0, 1, "Production", "one", generation=3),
        _switch(11.5, 1, "Production", "two", generation=8),
        _switch(20.0, 2, "Production", "one", before=1),
        _switch(21.0, 1, "Production", "one", before=2),
    )
    assert [(each.title, each.at) for each in steps] == [
        ("Version 1 answers Production", 21.0),
        ("Version 2 answers Production", 20.0),
        ("Version 1 answers Production", 10.0),
    ]


def test_a_wave_is_one_step() -> None:
    """However long it takes, and whoever joins later; not the same version's return, by hosts of other names."""
    steps = _steps(
        *(_switch(400.0 * turn, 2, "Production", writer, before=1) for turn, writer in enumerate(("a", "b", "c"))),
        _switch(50_000.0, 2, "Production", "new"),
        _switch(60_000.0, 1, "Production", "a", before=2),
        _switch(60_000.5, 1, "Production", "new", before=2),
        _switch(70_000.0, 2, "Production", "newer", before=1),
        _switch(70_000.5, 2, "Production", "a", before=1),
        _switch(80_000.0, None, "Production", "a", before=2),
        _switch(80_400.0, None, "Production", "newer", before=2),
    )
    assert [(each.title, each.at) for each in steps[::-1]] == [
        ("Version 2 answers Production", 0.0),
        ("Version 1 answers Production", 60_000.0),
        ("Version 2 answers Production", 70_000.0),
        ("Production is empty", 80_000.0),
    ]


def test_equal_verdicts_in_a_row_are_one_step() -> None:
    """With how many they were, and the last one's reason and link."""
    reports = [_event(Kind.DRIFT, float(at), verdict=word, reason=f"{at}", link="") for at, word in
               enumerate(["ok", "ok", "ok", "drift", "ok"])]  # fmt: skip
    steps = _steps(*reports)
    assert [(each.title, each.times, each.says) for each in steps] == [
        ("Drift report: ok", 1, "4"),
        ("Drift report: drift", 1, "3"),
        ("Drift report: ok", 3, "2"),
    ]


def test_a_rollback_says_who_and_what_instead() -> None:
    """Also where nobody was asked; and a track that is empty says so."""
    steps = _steps(
        _event(Kind.ROLLED_BACK, 1.0, 3, track="Production", to=2, reason="It fails.", by="", figures={}),
        _event(Kind.REFUSED, 2.0, 4, reason="Its answer holds NaN."),
        _switch(3.0, None, "Staging", before=5),
    )
    assert steps[2].title == "Version 3 taken back by Cuelight"
    assert steps[2].says == "It fails. Version 2 answers instead."
    assert (steps[1].mood, steps[1].says) == (ALARM, "Its answer holds NaN.")
    assert (steps[0].title, steps[0].says) == ("Staging is empty", "version 5 was taken off")
