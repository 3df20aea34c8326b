"""When a refused version is looked at again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cuelight.kit.clock import FakeClock
from cuelight.kit.settings import Settings
from cuelight.registry.memory import MemoryRegistry
from cuelight.serving.following.ledger import Ledger
from cuelight.serving.following.preparation import Preparation
from cuelight.serving.following.refusals import Refusals
from cuelight.serving.host.facts import Fact, Phase
from tests.unit.serving.room import Room

_PASSING, _LASTING = Fact(Phase.REFUSED, retry_at=0.0), Fact(Phase.REFUSED)


@pytest.fixture
def ledger(room: Room) -> Ledger:
    """An empty one."""
    return Ledger(room.places.ledger)


@pytest.fixture
def refusals(ledger: Ledger, registry: MemoryRegistry, room: Room, tmp_path: Path, clock: FakeClock) -> Refusals:
    """Those of a host."""
    preparation = Preparation(registry, room.store, Settings(home=tmp_path), lambda _model: [])
    return Refusals(ledger, preparation, clock, "mine: ")


def test_what_may_pass_is_looked_at_less_and_less_often(
    refusals: Refusals, registry: MemoryRegistry, library: Callable[[str], Path], clock: FakeClock
) -> None:
    """Until it is forgotten; what lasts has no moment, and what is no refusal stays as it is."""
    registry.create_model("m")
    version = registry.create_version("m", str(library("1")), "r", {}).id
    pauses = [refusals.dated(version, _PASSING).retry_at - clock.now() for _ in range(3)]
    refusals.forget(version)
    assert [*pauses, refusals.dated(version, _PASSING).retry_at - clock.now()] == [15.0, 30.0, 60.0, 15.0]
    assert [refusals.dated(version, each) for each in (_LASTING, Fact(Phase.READY))] == [_LASTING, Fact(Phase.READY)]


def test_a_refusal_by_others_is_none_of_mine(
    refusals: Refusals, ledger: Ledger, registry: MemoryRegistry, library: Callable[[str], Path]
) -> None:
    """One that rests on what is there now stays; one without the mark, or on other tags, is forgotten."""
    registry.create_model("m")
    version = registry.create_version("m", str(library("1")), "r", {})
    phases = []
    for basis in (refusals.basis(version), refusals.basis(version).removeprefix("mine: ")):
        ledger.learn(version.id, _LASTING, basis)
        refusals.review(version)
        phases.append(ledger.facts[version.id].phase)
    assert phases == [Phase.REFUSED, Phase.UNKNOWN]


def test_trust_in_a_key_that_counts_no_more_is_forgotten(
    refusals: Refusals, ledger: Ledger, registry: MemoryRegistry, library: Callable[[str], Path]
) -> None:
    """The version is fetched and judged anew."""
    registry.create_model("m")
    version = registry.create_version("m", str(library("1")), "r", {})
    ledger.learn(version.id, Fact(Phase.READY, "d", signed_by="k"))
    refusals.review(version)
    assert ledger.facts[version.id] == Fact()
