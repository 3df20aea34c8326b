from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cuelight.kit.settings import Settings
from cuelight.registry.memory import MemoryRegistry
from cuelight.registry.model import ModelVersion
from cuelight.serving.following.preparation import Preparation
from cuelight.serving.host.facts import Fact, Phase
from tests.unit.serving.room import Room


@pytest.fixture
def version(registry: MemoryRegistry, library: Callable[[str], Path]) -> ModelVersion:
    """An unsigned skops version."""
    registry.create_model("m")
    return registry.create_version("m", str(library("1")), "r", {})


@pytest.fixture
def preparation(room: Room, registry: MemoryRegistry, tmp_path: Path) -> Preparation:
    """Preparation with the files of the registry twin."""
    settings = Settings(home=tmp_path, registry_artifact_roots="file:", trial_seconds=30.0)
    return Preparation(registry, room.store, settings, lambda _model: [])


def test_a_version_is_fetched_and_tried(preparation: Preparation, version: ModelVersion, room: Room) -> None:
    """Afterwards its files are in the store and it is ready, with what the trial measured as its reason."""
    fact = preparation.fetch(version, "")
    assert (fact.phase, fact.signed_by, room.store.has(fact.digest)) == (Phase.FETCHED, "", True)
    ready = preparation.attempt(version, fact)
    assert (ready.phase, ready.digest) == (Phase.READY, fact.digest)
    assert room.store.entry(fact.digest).trial.exists()
    assert list((room.places.store / ".drafts").iterdir()) == []


def test_a_registry_that_is_down_is_tried_again(
    preparation: Preparation, version: ModelVersion, registry: MemoryRegistry
) -> None:
    """It is no verdict on the version: the fact says when to try again."""
    registry.down = True
    fact = preparation.fetch(version, "")
    assert (fact.phase, fact.retry_at < float("inf")) == (Phase.REFUSED, True)


def test_files_that_changed_since_are_refused_for_good(preparation: Preparation, version: ModelVersion) -> None:
    """A pinned digest that differs is a verdict."""
    fact = preparation.fetch(version, "0" * 64)
    assert (fact.phase, fact.retry_at) == (Phase.REFUSED, float("inf"))


def test_files_altered_in_the_store_are_fetched_again(
    preparation: Preparation, version: ModelVersion, room: Room
) -> None:
    """An attempt on spoiled files is none: the version is unknown, fetched anew, and then good."""
    fact = preparation.fetch(version, "")
    (room.store.entry(fact.digest).files / "MLmodel").write_text("{}")
    assert preparation.attempt(version, fact) == Fact()
    again = preparation.fetch(version, fact.digest)
    assert (again.phase, again.digest) == (Phase.FETCHED, fact.digest)
    room.store.verified(fact.digest)


def test_a_key_file_that_is_none_holds_nothing_else_up(
    preparation: Preparation, version: ModelVersion, tmp_path: Path
) -> None:
    """What a refusal rests on can be said still; a fetch says which file it is, and tries again."""
    before = preparation.basis(version)
    (tmp_path / "keys" / "trusted").mkdir(parents=True)
    (tmp_path / "keys" / "trusted" / "x.pem").write_text("junk")
    assert preparation.basis(version) == before
    fact = preparation.fetch(version, "")
    assert (fact.phase, fact.retry_at < float("inf"), "x.pem" in fact.reason) == (Phase.REFUSED, True, True)
