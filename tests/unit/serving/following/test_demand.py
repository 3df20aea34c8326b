"""The follower's part in what callers ask for by number."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cuelight.kit.clock import FakeClock
from cuelight.kit.settings import Settings
from cuelight.registry.memory import MemoryRegistry
from cuelight.registry.model import ModelVersion, Snapshot, VersionId
from cuelight.registry.tags import KEY, SIGNATURE
from cuelight.serving.following.demand import Demand, offer
from cuelight.serving.following.ledger import Ledger
from cuelight.serving.host.facts import Fact, Phase
from cuelight.serving.host.repertoire import NOTHING, Reader, Repertoire
from cuelight.serving.host.wants import Wants
from tests.support import models
from tests.unit.serving.following.followed import Untried
from tests.unit.serving.room import Room


class _Counted(Untried):
    """Notes what it fetches."""

    fetched: list[int]

    def fetch(self, version: ModelVersion, pinned: str) -> Fact:
        self.fetched.append(version.version)
        return super().fetch(version, pinned)


@dataclass
class _Host:
    """The part of a follower that is tested here; callers leave notes."""

    room: Room
    registry: MemoryRegistry
    home: Path
    clock: FakeClock
    on_tracks: set[VersionId] = field(default_factory=set)

    def __post_init__(self) -> None:
        settings = Settings(home=self.home, registry_artifact_roots="file:", trial_requirements=False)
        self.preparation = _Counted(self.registry, self.room.store, settings, lambda _model: [])
        self.preparation.fetched = []
        self.ledger = Ledger(self.room.places.ledger)
        self.demand = Demand(self.room.places, self.room.store, self.ledger, self.preparation, lambda: None, self.clock)
        self.wants, self.reader = Wants(self.room.places.wants), Reader(self.room.places.repertoire)
        self.snapshot = Snapshot()

    def add(self, model: str = "1", **tags: str) -> ModelVersion:
        """One more version of `m`, which is the library's `model`."""
        self.registry.create_model("m")
        return self.registry.create_version("m", str(self.room.library(model)), "r", tags)

    def read(self) -> None:
        """One more reading of the registry."""
        self.snapshot = self.registry.snapshot()

    def turn(self, idle: bool = True) -> bool:
        """One tick, and whatever it began."""
        changed = self.demand.tick(self.snapshot, self.on_tracks, idle)
        self.demand._errand.wait()
        return changed

    def settle(self, read: bool = True) -> None:
        """Tick until nothing more is done."""
        if read:
            self.read()
        self.turn()
        while self.turn() or self.demand.version:
            pass

    @property
    def repertoire(self) -> Repertoire:
        """What workers read."""
        self.reader.look()
        return self.reader.repertoire

    def listed(self, version: int) -> tuple[Phase, str] | None:
        """What the repertoire says of a version."""
        found = self.repertoire.find("m", version)
        return (found.phase, found.reason) if found else None


@pytest.fixture
def host(room: Room, registry: MemoryRegistry, tmp_path: Path, clock: FakeClock) -> _Host:
    """A host with versions 1 and 2."""
    host = _Host(room, registry, tmp_path, clock)
    host.add("1")
    host.add("2")
    host.settle()
    return host


def test_what_is_registered_is_offered(host: _Host) -> None:
    """With aliases, and how far it has come; a new version is there with the next reading."""
    assert (host.listed(1), host.listed(2), host.listed(3)) == ((Phase.UNKNOWN, ""), (Phase.UNKNOWN, ""), None)
    host.add("3")
    host.registry.set_alias("m", "old", 1)
    host.settle()
    assert host.listed(3) == (Phase.UNKNOWN, "")
    assert dict(host.repertoire.aliases("m")) == {"old": 1}


def test_what_is_wanted_is_brought(host: _Host) -> None:
    """Fetched, tried, remembered, and the note is taken away; nothing else is touched."""
    host.wants.add("m", 2)
    host.settle()
    assert (host.listed(2), host.listed(1)) == ((Phase.READY, ""), (Phase.UNKNOWN, ""))
    assert host.room.store.has(host.repertoire.models["m"].versions[2].digest)
    assert host.wants.waiting() == []
    host.wants.add("m", 2)
    host.settle()
    assert (host.preparation.fetched, host.wants.waiting()) == ([2], [])


def test_tracks_come_first(host: _Host) -> None:
    """Nothing is begun while one waits; what is under way is not begun twice; what is on one is the follower's."""
    one, two = (host.snapshot.models["m"].versions[number] for number in (1, 2))
    host.wants.add("m", 1)
    host.wants.add("m", 2)
    host.turn(idle=False)
    assert host.preparation.fetched == []
    host.on_tracks = {one.id}
    host.demand.tick(host.snapshot, host.on_tracks, True)
    assert host.demand.version == two.id
    assert host.demand.under_way([one.id, two.id]) == "fetching m version 2, which a caller asks for"
    assert host.demand.under_way([one.id]) == ""
    host.settle()
    assert host.preparation.fetched == [2]


def test_a_refusal_is_remembered_with_its_reason(host: _Host) -> None:
    """However many ask, until something changes."""
    host.preparation.refused = frozenset({2})
    for _ in range(3):
        host.wants.add("m", 2)
        host.settle()
    assert (host.listed(2), host.preparation.fetched) == ((Phase.REFUSED, "It was tried in vain."), [2])


def test_a_refusal_that_a_caller_met_is_none_of_a_promotion(host: _Host) -> None:
    """Once it is put on a track it is tried anew, and people hear of it then."""
    host.preparation.refused = frozenset({2})
    host.wants.add("m", 2)
    host.settle()
    version = host.snapshot.models["m"].versions[2]
    assert host.ledger.reconsider(version.id, host.preparation.basis(version))


def test_a_refusal_is_reconsidered_when_something_changes(host: _Host) -> None:
    """At the next reading, or at one soon after: whoever asks then has it tried again."""
    source = models.save(host.home / "pickled", models.constant(1.0), "cloudpickle")
    host.registry.create_version("m", str(source), "r", {})
    host.read()
    host.wants.add("m", 3)
    host.settle()
    phase, reason = host.listed(3) or (None, "")
    assert (phase, "not signed" in reason) == (Phase.REFUSED, True)
    host.registry.set_version_tags("m", 3, {SIGNATURE: "another"})
    host.settle()
    assert host.listed(3) == (Phase.UNKNOWN, "")


def test_a_registry_that_fails_is_asked_again(host: _Host) -> None:
    """After a pause; whoever comes meanwhile hears when."""
    host.registry.down = True
    host.wants.add("m", 2)
    host.settle(read=False)
    phase, reason = host.listed(2) or (None, "")
    assert (phase, "Not fetched yet" in reason) == (Phase.REFUSED, True)
    host.registry.down = False
    host.wants.add("m", 2)
    host.settle()
    assert host.preparation.fetched == [2]
    host.clock.advance(20.0)
    host.wants.add("m", 2)
    host.settle()
    assert host.listed(2) == (Phase.READY, "")


def test_files_that_were_altered_are_fetched_anew(host: _Host) -> None:
    """A worker could not load them, and asks."""
    host.wants.add("m", 2)
    host.settle()
    digest = host.repertoire.models["m"].versions[2].digest
    models.alter(host.room.store.entry(digest).files)
    host.wants.add("m", 2)
    host.settle()
    assert host.preparation.fetched == [2, 2]
    assert host.room.store.verified(digest)


def test_what_has_to_leave_the_store_at_once_is_refused(host: _Host) -> None:
    """It would be fetched for every caller, over and over."""
    host.wants.add("m", 2)
    host.turn()
    assert host.turn()  # it is here; now the follower cleans up
    host.room.store.remove(host.ledger.facts[host.snapshot.models["m"].versions[2].id].digest)
    host.settle()
    phase, reason = host.listed(2) or (None, "")
    assert (phase, "serving.store_bytes" in reason) == (Phase.REFUSED, True)


def test_what_is_gone_is_doubted_once(host: _Host) -> None:
    """One reading may be wrong; what callers want of it is forgotten."""
    host.registry.delete_version("m", 2)
    host.wants.add("m", 2)
    host.settle()
    assert host.listed(2) == (Phase.UNKNOWN, "")
    host.settle()
    assert (host.listed(2), host.listed(1), host.wants.waiting()) == (None, (Phase.UNKNOWN, ""), [])
    host.registry.delete_model("m")
    host.settle()
    assert host.listed(1)
    host.settle()
    assert host.repertoire == NOTHING


def test_a_model_that_was_made_anew_is_another(host: _Host) -> None:
    """Its version 1 is not the one that was here."""
    host.wants.add("m", 1)
    host.settle()
    host.registry.delete_model("m")
    host.add("3")
    host.settle()
    assert host.listed(1) == (Phase.UNKNOWN, "")


def test_what_is_left_out_is_not_offered(host: _Host) -> None:
    """The tag on the model says so."""
    assert offer(Snapshot(), host.snapshot, {}, frozenset({"m"})) == NOTHING


def test_the_column_of_labels_keys_is_written_down_for_workers(host: _Host) -> None:
    """They take labels, and don't talk to the registry."""
    host.registry.set_model_tags("m", {KEY: "order_id"})
    host.settle()
    assert host.repertoire.key("m") == "order_id"
    assert host.repertoire.key("other") == ""
