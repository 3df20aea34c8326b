from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuelight.registry.model import Track, VersionId
from cuelight.registry.traffic import Traffic
from cuelight.serving.following.policy import (
    Abandon,
    Commit,
    Fetch,
    Prepare,
    Rehearsal,
    Try,
    View,
    Wait,
    Wish,
    decide,
    desired_deployment,
)
from cuelight.serving.host.deployment import Deployment, Key, Served, Standby
from cuelight.serving.host.facts import Fact, Phase
from cuelight.serving.rollouts.recall import Recall

PROD, STAG = Track.PRODUCTION, Track.STAGING
NOW = 1000.0
BAKE = 600.0
UNKNOWN, FETCHED, READY, REFUSED = Phase.UNKNOWN, Phase.FETCHED, Phase.READY, Phase.REFUSED


def _id(version: int, model: str = "m") -> VersionId:
    return VersionId(model, version, version, f"s{version}")


def _wish(version: int, model: str = "m") -> Wish:
    return Wish(_id(version, model), f"r{version}", "stage")


def _served(version: int, model: str = "m") -> Served:
    return Served(_id(version, model), f"d{version}", "k", f"r{version}", "stage", 0.0)


def _fact(phase: Phase, version: int = 0, **more: Any) -> Fact:
    return Fact(phase, f"d{version}", "k", **more)


def _view(
    committed: Mapping[Key, int] | None = None,
    wishes: Mapping[Key, int] | None = None,
    facts: Mapping[int, Phase] | None = None,
    standby: tuple[Standby, ...] = (),
    **more: Any,
) -> View:
    """A view in numbers: key to version, version of model m to phase."""
    tracks = {key: _served(version, key[0]) for key, version in (committed or {}).items()}
    fields: dict[str, Any] = {
        "now": NOW,
        "bake_seconds": BAKE,
        "committed": Deployment(4, 0.0, tracks, {}, standby),
        "wishes": {key: _wish(version, key[0]) for key, version in (wishes or {}).items()},
        "facts": {_id(version): _fact(phase, version) for version, phase in (facts or {}).items()},
        "next_generation": 5,
    }
    return View(**(fields | more))


def _tracks(deployment: Deployment) -> dict[Key, int]:
    return {key: served.id.version for key, served in deployment.tracks.items()}


def test_waits_when_nothing_is_wished_for() -> None:
    """An empty registry and an empty deployment leave nothing to do."""
    action = decide(_view())
    assert isinstance(action, Wait)
    assert action.sentence == "serving generation 4: 0 tracks of 0 models"


@pytest.mark.parametrize(("phase", "wanted"), [(UNKNOWN, Fetch), (FETCHED, Try), (READY, Prepare), (REFUSED, Wait)])
def test_a_version_goes_from_fetch_to_try_to_prepare(phase: Phase, wanted: type) -> None:
    """Each phase has its next step; a refused version has none."""
    assert type(decide(_view({}, {("m", PROD): 1}, {1: phase}))) is wanted


def test_prepares_what_is_ready_before_it_fetches_more() -> None:
    """Switching goes before trying, and trying is not held up by what is still to be fetched."""
    view = _view({}, {("a", PROD): 1, ("m", PROD): 2}, {2: READY})
    action = decide(view)
    assert isinstance(action, Prepare)
    assert _tracks(action.deployment) == {("m", PROD): 2}


def test_production_goes_before_staging() -> None:
    """Of two versions to fetch, the one for Production comes first, whatever the models' names."""
    action = decide(_view({}, {("a", STAG): 1, ("z", PROD): 2}))
    assert isinstance(action, Fetch)
    assert action.wish.id == _id(2, "z")


def test_keeps_the_old_version_while_the_new_one_is_fetched_and_tried() -> None:
    """Load before unload: until the new one is ready, the deployment does not move."""
    for phase in (UNKNOWN, FETCHED):
        action = decide(_view({("m", PROD): 1}, {("m", PROD): 2}, {2: phase}))
        assert isinstance(action, Fetch | Try)


def test_keeps_the_old_version_while_the_new_one_is_refused() -> None:
    """A refused wish leaves its track as it is, and the sentence names it."""
    action = decide(_view({("m", PROD): 1}, {("m", PROD): 2}, {2: REFUSED}))
    assert isinstance(action, Wait)
    assert "refused: m version 2" in action.sentence


def test_a_refused_version_is_fetched_again_when_its_time_has_come() -> None:
    """A refusal for a passing reason has a moment for the next attempt; before it nothing happens."""
    facts = {_id(2): _fact(REFUSED, 2, retry_at=NOW + 1)}
    view = _view({("m", PROD): 1}, {("m", PROD): 2}, facts=None)
    view = replace(view, facts=facts)
    assert isinstance(decide(view), Wait)
    assert isinstance(decide(replace(view, now=NOW + 1)), Fetch)


def test_a_refused_version_does_not_hold_up_others() -> None:
    """Another model's version is fetched though the first in order is refused."""
    view = _view({}, {("m", PROD): 1, ("z", PROD): 2}, {1: REFUSED})
    action = decide(view)
    assert isinstance(action, Fetch)
    assert action.wish.id.name == "z"


def test_switches_and_keeps_the_previous_production_loaded() -> None:
    """The new version takes the track, and the old one stands by until its bake time is over."""
    action = decide(_view({("m", PROD): 1}, {("m", PROD): 2}, {2: READY}))
    assert isinstance(action, Prepare)
    assert (action.deployment.generation, _tracks(action.deployment)) == (5, {("m", PROD): 2})
    assert action.deployment.standby == (Standby(_served(1), NOW + BAKE, rival=True, most=100.0),)
    assert action.deployment.tracks["m", PROD].since == NOW
    assert action.sentence == "preparing generation 5: m Production → version 2 (stage)"


def test_a_previous_staging_version_does_not_stand_by() -> None:
    """Only Production has a way back kept open."""
    action = decide(_view({("m", STAG): 1}, {("m", STAG): 2}, {2: READY}))
    assert isinstance(action, Prepare)
    assert action.deployment.standby == ()


def test_going_back_to_a_version_that_stands_by_needs_no_fetch() -> None:
    """It is ready still: one preparation swaps it with the one in charge."""
    view = _view({("m", PROD): 2}, {("m", PROD): 1}, {1: READY}, (Standby(_served(1), NOW + 1),))
    action = decide(view)
    assert isinstance(action, Prepare)
    assert _tracks(action.deployment) == {("m", PROD): 1}
    assert [(each.served.id, each.rival) for each in action.deployment.standby] == [(_id(2), False)]


def test_the_version_before_keeps_a_control_while_a_new_one_bakes() -> None:
    """As large as people ask for; with the bake time it ends."""
    asked = {"m": Traffic(control=5.0)}
    action = decide(_view({("m", PROD): 1}, {("m", PROD): 2}, {2: READY}, traffic=asked))
    assert isinstance(action, Prepare)
    assert action.deployment.traffic == {"m": Traffic(control=5.0)}
    over = decide(_view({("m", PROD): 2}, {("m", PROD): 2}, {2: READY}, (), traffic=asked))
    assert isinstance(over, Wait)


def test_a_control_is_none_of_those_who_met_the_new_version_as_canary() -> None:
    """Nobody goes back to the older version."""
    committed = Deployment(4, 0.0, {("m", PROD): _served(1), ("m", STAG): _served(2)}, traffic={"m": Traffic(98.0)})
    view = _view({}, {("m", PROD): 2}, {2: READY}, traffic={"m": Traffic(control=5.0)})
    assert desired_deployment(replace(view, committed=committed)).traffic == {"m": Traffic(control=2.0)}


def _recall(version: int, instead: int) -> dict[str, Any]:
    recall = Recall(_id(version), PROD, "It failed.", NOW, _served(instead))
    return {"recalls": (recall,)}


def test_a_recalled_version_gives_way_to_the_one_before_and_does_not_stand_by() -> None:
    """Though the registry still wishes for it; and no bake time begins for the one before."""
    standby = (Standby(_served(1), NOW + 1, rival=True, most=100.0),)
    action = decide(_view({("m", PROD): 2}, {("m", PROD): 2}, {2: READY}, standby, **_recall(2, 1)))
    assert isinstance(action, Prepare)
    assert _tracks(action.deployment) == {("m", PROD): 1}
    assert action.deployment.standby == ()
    assert action.sentence == "preparing generation 5: m Production → version 1 (rolled back from version 2)"
    assert isinstance(decide(_view({("m", PROD): 1}, {("m", PROD): 2}, {2: READY}, **_recall(2, 1))), Wait)


def test_a_recall_is_about_one_version() -> None:
    """The next one that is promoted is served."""
    action = decide(_view({("m", PROD): 1}, {("m", PROD): 3}, {3: READY}, **_recall(2, 1)))
    assert isinstance(action, Prepare)
    assert _tracks(action.deployment) == {("m", PROD): 3}


def test_a_version_stands_by_until_its_bake_time_is_over() -> None:
    """Before, nothing happens; then a generation without it is prepared."""
    view = _view({("m", PROD): 2}, {("m", PROD): 2}, {2: READY}, (Standby(_served(1), NOW + 1),))
    assert isinstance(decide(view), Wait)
    action = decide(replace(view, now=NOW + 1))
    assert isinstance(action, Prepare)
    assert action.deployment.standby == ()


def test_one_version_may_be_on_both_tracks() -> None:
    """It is loaded once."""
    action = decide(_view({}, {("m", PROD): 1, ("m", STAG): 1}, {1: READY}))
    assert isinstance(action, Prepare)
    assert len(list(action.deployment.residents())) == 1


def test_does_not_unload_what_is_no_longer_wished_for_until_that_is_confirmed() -> None:
    """A wish that is gone from one reading changes nothing; a confirmed removal takes the track off."""
    view = _view({("m", PROD): 1, ("m", STAG): 2}, {("m", PROD): 1}, {1: READY})
    assert isinstance(decide(view), Wait)
    action = decide(replace(view, removed=frozenset({("m", STAG)})))
    assert isinstance(action, Prepare)
    assert _tracks(action.deployment) == {("m", PROD): 1}
    assert "m Staging taken off" in action.sentence


def test_a_re_created_model_is_another_version() -> None:
    """The same number with another time of creation is fetched anew, and the old one serves meanwhile."""
    view = _view({("m", PROD): 1})
    wish = Wish(VersionId("m", 1, 99, "s9"), "r", "stage")
    assert isinstance(decide(replace(view, wishes={("m", PROD): wish})), Fetch)


def test_aliases_of_served_models_are_part_of_a_deployment() -> None:
    """A new alias is prepared like a version; those of models that are not served are left out."""
    view = _view({("m", PROD): 1}, {("m", PROD): 1}, {1: READY}, aliases={"m": {"best": 1}, "x": {"y": 1}, "z": {}})
    action = decide(view)
    assert isinstance(action, Prepare)
    assert action.deployment.aliases == {"m": {"best": 1}}
    assert isinstance(decide(replace(view, committed=action.deployment)), Wait)


def test_does_nothing_else_while_a_version_is_fetched_or_tried() -> None:
    """One job at a time; its sentence is the tick's."""
    action = decide(_view({}, {("m", PROD): 1}, busy="fetching z version 1"))
    assert (type(action), action.sentence) == (Wait, "fetching z version 1")


def test_switches_while_another_version_is_fetched() -> None:
    """A long download holds no ready version up."""
    action = decide(_view({}, {("m", PROD): 1}, {1: READY}, busy="fetching z version 1"))
    assert isinstance(action, Prepare)


@pytest.mark.parametrize(
    ("rehearsal", "wanted"),
    [({"waiting": 2}, Wait), ({"waiting": 0}, Commit), ({"waiting": 1, "failed": "no memory"}, Abandon)],
)
def test_does_nothing_else_while_workers_prepare(rehearsal: dict[str, Any], wanted: type) -> None:
    """It waits for all of them, commits when they stand by, and drops it when one can't."""
    next_one = Deployment(5, NOW, {("m", PROD): _served(1)})
    view = _view({}, {("m", PROD): 2}, {2: READY}, rehearsal=Rehearsal(next_one, **rehearsal))
    action = decide(view)
    assert type(action) is wanted
    assert getattr(action, "deployment", next_one) is next_one


def test_a_retry_set_by_a_clock_that_was_wrong_is_due() -> None:
    """A moment that no pause reaches is not waited for: the clock went back since."""
    view = _view({}, {("m", PROD): 1})
    for retry_at, wanted in ((NOW + 3600.0, Fetch), (NOW + 60.0, Wait), (float("inf"), Wait)):
        fact = Fact(REFUSED, "d", retry_at=retry_at)
        assert isinstance(decide(replace(view, facts={_id(1): fact})), wanted)


_KEYS = st.tuples(st.sampled_from(["m", "n"]), st.sampled_from(list(Track)))
_VERSIONS = st.integers(1, 4)
_PHASES = st.sampled_from(list(Phase))


@given(
    st.dictionaries(_KEYS, _VERSIONS),
    st.dictionaries(_KEYS, _VERSIONS),
    st.dictionaries(st.tuples(st.sampled_from(["m", "n"]), _VERSIONS), _PHASES),
    st.sets(_KEYS),
    st.dictionaries(st.sampled_from(["m", "n"]), st.dictionaries(st.sampled_from(["x", "y"]), _VERSIONS)),
    st.lists(st.tuples(_VERSIONS, st.floats(0, 2 * NOW)), max_size=2, unique_by=lambda each: each[0]),
    st.sets(_VERSIONS),
)
def test_carrying_out_what_is_decided_comes_to_rest(
    committed: dict[Key, int],
    wishes: dict[Key, int],
    phases: dict[tuple[str, int], Phase],
    removed: set[Key],
    aliases: dict[str, dict[str, int]],
    standby: list[tuple[int, float]],
    bad: set[int],
) -> None:
    """From any state, acting and deciding again ends in a wait, with every wish served or refused, old ones kept."""
    facts = {_id(version, model): _fact(phase, version) for (model, version), phase in phases.items()}
    view = _view(
        committed,
        wishes,
        standby=tuple(Standby(_served(version), until) for version, until in standby),
        facts=None,
        removed=frozenset(removed - wishes.keys()),
        aliases=aliases,
    )
    view = replace(view, facts=facts)
    for _ in range(60):
        action = decide(view)
        if isinstance(action, Wait):
            break
        assert set(view.committed.tracks) - view.removed <= set(
            action.deployment.tracks if isinstance(action, Commit) else view.committed.tracks
        )
        view = _carried_out(view, action, bad)
    assert isinstance(decide(view), Wait)
    for key, wish in view.wishes.items():
        fact = view.facts[wish.id]
        serves = view.committed.tracks.get(key)
        assert fact.phase == REFUSED or (serves is not None and serves.id == wish.id)


def _carried_out(view: View, action: Any, bad: set[int]) -> View:
    """What the world looks like after an action; versions in `bad` are refused by their trial."""
    if isinstance(action, Fetch):
        return replace(view, facts={**view.facts, action.wish.id: _fact(FETCHED)})
    if isinstance(action, Try):
        phase = REFUSED if action.wish.id.version in bad else READY
        return replace(view, facts={**view.facts, action.wish.id: _fact(phase)})
    if isinstance(action, Prepare):
        return replace(view, rehearsal=Rehearsal(action.deployment))
    assert isinstance(action, Commit)
    return replace(view, committed=action.deployment, rehearsal=None, next_generation=view.next_generation + 1)


def test_a_wish_that_waits_for_its_turn_changes_nothing() -> None:
    """It was fetched and tried, and what serves goes on; other tracks change meanwhile."""
    ready = {2: READY}
    view = _view({("m", PROD): 1}, {("m", PROD): 2}, ready, held=frozenset({("m", PROD)}))
    action = decide(view)
    assert isinstance(action, Wait)
    assert action.sentence == "serving generation 4: 1 tracks of 1 models, waiting for their turn: m version 2"
    both = _view({("m", PROD): 1}, {("m", PROD): 2, ("m", STAG): 2}, ready, held=frozenset({("m", PROD)}))
    assert _tracks(desired_deployment(both)) == {("m", PROD): 1, ("m", STAG): 2}
    assert isinstance(decide(_view({("m", PROD): 1}, {("m", PROD): 2}, {}, held=frozenset({("m", PROD)}))), Fetch)
