from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cuelight.operations.kinds import MEANINGS, Kind
from cuelight.registry.model import ModelVersion, RegisteredModel, Snapshot, Track, VersionId
from cuelight.registry.traffic import Traffic
from cuelight.serving.host.changes import changes, moves
from cuelight.serving.host.deployment import Deployment, Served, Standby


def _served(version: int) -> Served:
    return Served(VersionId("m", version, version, "s"), f"d{version}", "", "r", "stage", 0.0)


_numbers = st.integers(1, 3)
deployments = st.builds(
    Deployment,
    generation=st.integers(1, 9),
    tracks=st.dictionaries(st.sampled_from([("m", Track.PRODUCTION), ("m", Track.STAGING)]), _numbers.map(_served)),
    aliases=st.dictionaries(st.sampled_from(["m", "n"]), st.dictionaries(st.sampled_from(["a", "b"]), _numbers)),
    standby=st.lists(st.builds(Standby, _numbers.map(_served), st.just(9.0), st.booleans()), max_size=1).map(tuple),
    traffic=st.dictionaries(st.just("m"), st.builds(Traffic, st.integers(0, 1).map(float))),
    personal=st.dictionaries(st.just("m"), st.sampled_from([("a",), ("a", "b")])),
)


def _bare(deployment: Deployment) -> Deployment:
    """Without what says nothing: no alias, no share."""
    aliases = {name: each for name, each in deployment.aliases.items() if each}
    traffic = {name: each for name, each in deployment.traffic.items() if each != Traffic()}
    return replace(deployment, aliases=aliases, traffic=traffic)


@given(before=deployments, after=deployments)
def test_no_generation_is_without_a_line(before: Deployment, after: Deployment) -> None:
    """Where two deployments differ in content a line says so, with the generation and details that are explained."""
    found = list(changes(before, after))
    if not _bare(before).same_content(_bare(after)):
        assert found
    for line in found:
        assert line.detail["generation"] == after.generation
        assert set(line.detail) <= set(MEANINGS[Kind(line.kind)].details)
    assert list(changes(before, replace(before, generation=99))) == []


def test_who_is_kept_loaded_is_told() -> None:
    """While a new version bakes, the one before is its rival; then it is let go."""
    kept = Deployment(2, standby=(Standby(_served(1), 9.0, rival=True),))
    (line,) = changes(Deployment(1), kept)
    assert (line.kind, line.model, line.detail) == ("standby", "m", {"kept": [1], "rival": 1, "generation": 2})
    (gone,) = changes(kept, Deployment(3))
    assert gone.detail == {"kept": [], "rival": None, "generation": 3}


def _snapshot(stages: dict[int, str], created: int = 1, **aliases: int) -> Snapshot:
    versions = {each: ModelVersion("m", each, created, 1, "s", stage=stage) for each, stage in stages.items()}
    return Snapshot({"m": RegisteredModel("m", aliases, {}, versions)})


def _moved(before: Snapshot, after: Snapshot) -> list[tuple[int | None, Any]]:
    return [(line.version, line.detail) for line in moves(before, after)]


def test_what_people_move_is_told_also_where_no_track_is_concerned() -> None:
    """Stages and aliases that two readings show otherwise; what came or went with its model is no move."""
    first = _snapshot({1: "Production", 2: "None"}, champion=1, old=1)
    second = _snapshot({1: "Archived", 2: "Production", 3: "Staging"}, champion=2, new=3)
    assert _moved(first, second) == [
        (1, {"stage": "Archived", "before": "Production"}),
        (2, {"stage": "Production", "before": "None"}),
        (3, {"stage": "Staging", "before": "None"}),
        (2, {"alias": "champion", "before": 1}),
        (3, {"alias": "new", "before": None}),
        (None, {"alias": "old", "before": 1}),
    ]
    assert _moved(first, first) == _moved(Snapshot(), first) == _moved(first, Snapshot()) == []
    anew = _snapshot({1: "Staging"}, created=2, champion=1, old=1)
    assert _moved(first, anew) == [(1, {"stage": "Staging", "before": "None"})]
