"""What the board shows of what serving and monitoring say."""

from __future__ import annotations

from typing import Any

import pytest

from cuelight.monitoring.board import view
from cuelight.monitoring.board.model.replicas import entry, replicas
from cuelight.monitoring.board.view import Page, Seen
from cuelight.operations.figures import Figures
from cuelight.operations.replicas import Replica

_QUIET = {"canary": 0.0, "shadow": 0.0, "control": 0.0, "why": "", "rollout": None}
_ONE, _TWO = Replica("replica-1", "127.0.0.1", 8000), Replica("replica-2", "::1", 8001, draining=True)


def _track(version: int) -> dict[str, Any]:
    return {"version": version, "since": "2026-11-22T18:15:10Z", "why": "stage"}


def _document(generation: int = 3, *, traffic: dict[str, Any] | None = None, **tracks: int) -> dict[str, Any]:
    entry = {
        "name": "a wine",
        "tracks": {track: _track(version) for track, version in tracks.items()},
        "traffic": _QUIET | (traffic or {}),
    }
    return {"generation": generation, "models": [entry]}


def _page(*seen: Seen, figures: tuple[Figures, ...] = ()) -> Page:
    return view.page(seen, figures, "/mlflow/", lambda _: True)


def test_production_comes_first_with_its_links() -> None:
    """Each version with since when, why, which requests it answers, and its page in MLflow."""
    (model,) = _page(Seen(_ONE, _document(Staging=2, Production=1))).models
    assert [(each.track, each.version) for each in model.places] == [("Production", 1), ("Staging", 2)]
    assert model.places[0].since == "2026-11-22 18:15:10"
    assert model.places[0].why == "stage"
    assert model.url == "/mlflow/#/models/a%20wine"
    assert model.places[1].url == "/mlflow/#/models/a%20wine/versions/2"
    assert model.health is None


@pytest.mark.parametrize(
    ("traffic", "says"),
    [
        ({}, ["100 % of requests", "only where it is asked for"]),
        ({"canary": 12.5}, ["87.5 % of requests", "canary: 12.5 % of requests"]),
        ({"shadow": 20.0}, ["100 % of requests", "shadow: 20 % mirrored"]),
        ({"control": 5.0}, ["100 % of requests, of which the version before has 5 %", "only where it is asked for"]),
        (
            {"canary": 5.0, "rollout": {"says": "step 1 of 3"}},
            ["95 % of requests", "canary: 5 % of requests; rollout: step 1 of 3"],
        ),
    ],
)
def test_traffic_is_said_in_words(traffic: dict[str, Any], says: list[str]) -> None:
    """Which requests each of the two answers."""
    (model,) = _page(Seen(_ONE, _document(Production=1, Staging=2, traffic=traffic))).models
    assert [each.traffic for each in model.places] == says


def test_a_canary_without_staging_takes_nothing_from_production() -> None:
    """The tag may be there before the version is."""
    (model,) = _page(Seen(_ONE, _document(Production=1, traffic={"canary": 10.0}))).models
    assert model.places[0].traffic == "100 % of requests"


def test_the_last_report_stands_beside_its_model() -> None:
    """Verdict and quality, without what is no number; another model's report is not this one's."""
    quality = {"accuracy": 0.9, "roc_auc": None}
    figures = tuple(Figures(name, 1, 50.0, "drift", 2000, 300, quality=quality) for name in ("a wine", "other"))
    (model,) = _page(Seen(_ONE, _document(Production=1)), figures=figures).models
    assert model.health is not None
    assert (model.health.verdict, model.health.mood, model.health.rows) == ("drift", "alarm", 2000)
    assert model.health.quality == (("accuracy", 0.9),)


def test_of_replicas_that_differ_the_newest_is_shown() -> None:
    """A switch is under way, and the page says so; who drains, is not ready or is down does not count for that."""
    starting, gone = Replica("replica-3", "10.0.0.3", 8000), Replica("replica-4", "10.0.0.4", 8000)
    older, newer = _document(3, Production=1), _document(4, Production=2)
    seen = (Seen(_ONE, older), Seen(_TWO, newer), Seen(starting, None, "still loading"), Seen(gone, None))
    page = _page(*seen)
    assert page.models[0].places[0].version == 2
    assert [(each.state, each.generation, each.trouble) for each in page.hosts] == [
        ("ready", 3, ""),
        ("draining", 4, ""),
        ("not ready", None, "still loading"),
        ("down", None, ""),
    ]
    assert page.hosts[1].address == "[::1]:8001"
    assert not page.split
    assert _page(Seen(_ONE, older), Seen(Replica("replica-2", "::1", 8001), newer)).split


def test_a_host_that_does_not_say_its_generation_is_shown_all_the_same() -> None:
    """An older one, during an upgrade: what hosts that do say it serve goes before."""
    older = {"models": _document(Production=1)["models"]}
    upgraded = Replica("replica-2", "::1", 8001)
    alone, both = _page(Seen(_ONE, older)), _page(Seen(_ONE, older), Seen(upgraded, _document(0, Production=2)))
    assert [(each.state, each.generation) for each in both.hosts] == [("ready", None), ("ready", 0)]
    assert [page.models[0].places[0].version for page in (alone, both)] == [1, 2]
    assert [each.generation for each in replicas([Seen(_ONE, older)], "a wine")] == [None]
    assert entry([Seen(_ONE, older)], "a wine") == older["models"][0]


def test_of_replicas_that_differ_what_most_serve_is_shown() -> None:
    """Generations are each machine's own: those of one that is behind may be far ahead, and those of all are others."""
    three = [Replica(f"replica-{number}", f"10.0.0.{number}", 8000) for number in (1, 2, 3)]
    behind = Seen(three[0], _document(90, Production=1))
    page = _page(behind, *(Seen(each, _document(5, Production=2)) for each in three[1:]))
    assert page.models[0].places[0].version == 2
    assert page.split
    alike = [Seen(each, _document(generation, Production=2)) for generation, each in enumerate(three)]
    assert not _page(*alike).split
    late = _document(3, Production=2)
    late["models"][0]["tracks"]["Production"]["since"] = "2026-11-22T19:00:00Z"
    assert _page(behind, Seen(three[1], late)).models[0].places[0].version == 2


def test_nobody_there_is_an_empty_page() -> None:
    """No models, and the replicas that are missing."""
    page = _page(Seen(_ONE, None))
    assert page.models == ()
    assert [each.state for each in page.hosts] == ["down"]


def test_who_may_not_see_a_model_does_not() -> None:
    """Neither it nor its report."""
    page = view.page([Seen(_ONE, _document(Production=1))], [], "/mlflow/", lambda name: name == "other")
    assert page.models == ()
