"""Versions that were taken off a track again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from cuelight.registry.model import ModelVersion, RegisteredModel, Snapshot, Track
from cuelight.registry.tracks import TrackMemory, alias_map, assign
from cuelight.serving.host.deployment import Served
from cuelight.serving.rollouts.recall import Recall, from_json, review, settled, to_json, to_move

PROD, STAG = Track.PRODUCTION, Track.STAGING
ALIASES = alias_map("champion", "challenger")


def _version(number: int, stage: str) -> ModelVersion:
    return ModelVersion("m", number, number, number, f"s{number}", stage=stage)


def _snapshot(stages: Mapping[int, str]) -> Snapshot:
    versions = {number: _version(number, stage) for number, stage in stages.items()}
    return Snapshot({"m": RegisteredModel("m", versions=versions)})


SERVED = Served(_version(1, "").id, "d1", "k", "r1", "stage", 0.0)
ROLLED_BACK = Recall(_version(2, "").id, PROD, "It failed 12 of 60 requests.", 100.0, SERVED)
WITHDRAWN = Recall(_version(2, "").id, STAG, "It failed 12 of 60 requests.", 100.0)


def _reviews(recall: Recall, *readings: Mapping[int, str], canary: bool = False) -> tuple[Recall, ...]:
    memory = TrackMemory()
    recalls: tuple[Recall, ...] = (recall,)
    for stages in readings:
        snapshot = _snapshot(stages)
        assignment = assign(snapshot, memory, ALIASES)
        recalls, memory = review(recalls, assignment, snapshot, {"m"} if canary else set()), assignment.memory
    return recalls


def test_it_is_in_force_while_the_registry_keeps_the_version_there() -> None:
    """Also where another version shares the stage."""
    assert _reviews(ROLLED_BACK, {1: "Archived", 2: "Production"}) == (ROLLED_BACK,)
    assert _reviews(ROLLED_BACK, {1: "Production", 2: "Production"}) == (ROLLED_BACK,)


def test_it_is_remembered_once_the_stage_was_moved_back() -> None:
    """What the version's tags say of it stays true."""
    after = _reviews(ROLLED_BACK, {1: "Archived", 2: "Production"}, {1: "Production", 2: "Archived"})
    assert after == (replace(ROLLED_BACK, in_force=False),)


def test_one_reading_without_the_version_changes_nothing() -> None:
    """A registry that forgets a version for a moment does not bring a bad one back."""
    both = {1: "Archived", 2: "Production"}
    assert _reviews(ROLLED_BACK, both, {1: "Archived"}, both) == (ROLLED_BACK,)


def test_it_is_forgotten_when_the_version_is_put_there_anew() -> None:
    """Somebody means it."""
    there, back = {1: "Archived", 2: "Production"}, {1: "Production", 2: "Archived"}
    assert _reviews(ROLLED_BACK, there, back, there) == ()


def test_it_is_forgotten_with_the_version() -> None:
    """Once that is deleted, and a second reading agrees."""
    assert _reviews(ROLLED_BACK, {1: "Archived", 2: "Production"}, {1: "Production"}, {1: "Production"}) == ()


def test_a_canary_is_tried_again_when_its_share_is_set_again() -> None:
    """It never left Staging."""
    stages = {1: "Production", 2: "Staging"}
    assert _reviews(WITHDRAWN, stages) == (WITHDRAWN,)
    assert _reviews(WITHDRAWN, stages, canary=True) == ()


@pytest.mark.parametrize("recall", [ROLLED_BACK, WITHDRAWN, replace(ROLLED_BACK, by="alice", in_force=False)])
def test_it_outlives_a_restart(recall: Recall) -> None:
    """As text and back."""
    assert from_json(json.loads(json.dumps(to_json([recall])))) == (recall,)


ORDERED = replace(ROLLED_BACK, by="anna", move=True)


def _settled(*readings: Mapping[int, str]) -> tuple[list[tuple[str, int | None]], tuple[Recall, ...]]:
    """What becomes of a recall that the registry is to be told of: the lines, and what it is told after the last."""
    memory, lines = TrackMemory(), []
    recalls: tuple[Recall, ...] = (ORDERED,)
    for stages in readings:
        snapshot = _snapshot(stages)
        assignment = assign(snapshot, memory, ALIASES)
        after = review(recalls, assignment, snapshot, set())
        found = (line.detail for line in settled(recalls, after, assignment))
        lines += [(each["outcome"], each["in_production"]) for each in found]
        recalls, memory = after, assignment.memory
    return lines, to_move(recalls, assignment)


def test_the_registry_is_told_until_it_says_the_same() -> None:
    """That the other version is there too is not all: the recalled one has to leave."""
    there = {1: "Archived", 2: "Production"}
    assert _settled(there) == ([], (ORDERED,))
    assert _settled(there, {1: "Production", 2: "Production"}) == ([], (ORDERED,))
    assert _settled(there, {1: "Production", 2: "Archived"}, {1: "Production", 2: "Archived"}) == ([("moved", 1)], ())


def test_the_registry_is_not_told_where_somebody_put_a_third_version() -> None:
    """People overrule; so it says in the history, once."""
    there = {1: "Archived", 2: "Production", 3: "None"}
    for left in ("Production", "Archived"):
        third = {1: "Archived", 2: left, 3: "Production"}
        assert _settled(there, third, third) == ([("overruled", 3)], ())


def test_a_registry_that_has_nothing_there_is_not_told() -> None:
    """It is neither the one nor the other yet."""
    there, gone = {1: "Archived", 2: "Production"}, {1: "Archived", 2: "Archived"}
    assert _settled(there, gone) == ([], ())
    assert _settled(there, gone, {1: "Production", 2: "Archived"}) == ([("moved", 1)], ())
