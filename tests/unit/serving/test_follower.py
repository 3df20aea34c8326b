from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from cuelight.kit.clock import FakeClock, SystemClock
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings
from cuelight.kit.signing import SigningKey
from cuelight.registry import tags
from cuelight.registry.manifest import Manifest
from cuelight.registry.memory import MemoryRegistry
from cuelight.registry.model import ModelVersion, Snapshot, Track
from cuelight.registry.traffic import Traffic
from cuelight.serving.follower import Follower
from cuelight.serving.orders import Answer, Orders
from cuelight.serving.policy import Fact, Phase
from cuelight.serving.reporter import Reporter
from cuelight.serving.standby import Preparation
from cuelight.serving.standing import Standing
from tests.unit.serving.conftest import Room

PROD = Track.PRODUCTION
_WORKER = """
import sys
from pathlib import Path
from cuelight.serving.board import Board
board = Board(Path(sys.argv[1]))
print(board.claim(), flush=True)
sys.stdin.read()
"""


class _Ahead(SystemClock):
    """The machine's clock after somebody set the time of day an hour ahead."""

    def now(self) -> float:
        return super().now() + 3600.0


class _Untried(Preparation):
    """Fetches as ever, and takes what was fetched for good, or refuses the versions named: trials have tests."""

    refused: frozenset[int] = frozenset()

    def attempt(self, version: ModelVersion, fact: Fact) -> Fact:
        if version.version in self.refused:
            return replace(fact, phase=Phase.REFUSED, reason="It was tried in vain.")
        return replace(fact, phase=Phase.READY)


@dataclass
class _Host:
    """A follower without its threads: readings come when they are asked for, and its jobs are waited for."""

    room: Room
    registry: MemoryRegistry
    home: Path
    clock: Any
    lines: list[tuple[str, str, int | None]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """A new follower in the place of the last."""
        settings = Settings(home=self.home, registry_artifact_roots="file:", trial_requirements=False, **self.settings)
        self.preparation = _Untried(self.registry, self.room.store, settings, lambda _model: [])
        self.reporter = Reporter(self.registry, lambda *line: self.lines.append(line[:3]), aliases="champion")
        self.follower = Follower(self.registry, settings, self.preparation, self.reporter, self.clock)

    def read(self) -> None:
        """One reading of the registry."""
        self.follower._watcher.poll()

    def settle(self, read: bool = True) -> str:
        """Tick, with what that begins, until there is nothing more to do; the last sentence."""
        if read:
            self.read()
        for _ in range(100):
            sentence = self.follower.tick()
            if self.follower._errand.sentence:
                self.follower._errand.wait()
            elif sentence.startswith(("serving", "waiting", "generation")) and "committed" not in sentence:
                return sentence
        raise AssertionError(sentence)

    def add(self, name: str, model: str, stage: str = "Production", **content: str) -> int:
        """A version of `name` that is the library's `model`, in a stage."""
        self.registry.create_model(name)
        made = self.registry.create_version(name, str(self.room.library(model)), "r", content)
        self.registry.set_stage(name, made.version, stage)
        return made.version

    def served(self) -> dict[str, int]:
        """Production's versions by model."""
        tracks = self.room.generations.read(self.room.board.committed).tracks
        return {name: each.id.version for (name, track), each in tracks.items() if track == PROD}

    def fact(self, name: str, version: int) -> Fact:
        """What the ledger knows."""
        facts = self.follower._ledger.facts
        return next((fact for each, fact in facts.items() if (each.name, each.version) == (name, version)), Fact())


@pytest.fixture
def host(room: Room, registry: MemoryRegistry, tmp_path: Path, clock: FakeClock) -> _Host:
    """A host without workers, so that what is prepared is committed at once."""
    return _Host(room, registry, tmp_path, clock)


def _stand_by(host: _Host, slot: int) -> int:
    """Tick until something is being prepared, as a worker in `slot` that has loaded nothing; its generation."""
    host.read()
    while host.room.board.target == host.room.board.committed:
        host.follower.tick()
        host.follower._errand.wait()
    assert any(each.slot == slot for each in host.room.board.workers())
    return host.room.board.target


def _fail(host: _Host, slot: int, generation: int, digests: list[str]) -> None:
    host.room.places.failures.mkdir(exist_ok=True)
    reason = {"reason": "no memory", "digests": digests}
    (host.room.places.failures / f"{generation}-{slot}.json").write_text(json.dumps(reason))
    host.room.board.fail(slot, generation)


def test_a_promotion_is_carried_out(host: _Host) -> None:
    """What the registry puts into Production is fetched, tried, prepared and committed; going back is one more."""
    one = host.add("m", "1")
    host.settle()
    assert host.served() == {"m": one}
    two = host.add("m", "2")
    host.settle()
    assert host.served() == {"m": two}
    host.registry.set_stage("m", one, "Production", archive_others=True)
    host.settle()
    host.registry.set_stage("m", two, "Production", archive_others=True)
    host.settle()
    assert host.served() == {"m": two}


def test_a_clock_that_is_set_kills_no_worker(room: Room, registry: MemoryRegistry, tmp_path: Path) -> None:
    """A worker that gave a sign of life just now is not silent because the time of day jumped."""
    host = _Host(room, registry, tmp_path, _Ahead())
    host.add("m", "1")
    command = [sys.executable, "-c", _WORKER, str(room.places.board)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        slot = int(worker.stdout.readline())
        generation = _stand_by(host, slot)
        assert host.follower.tick() == f"generation {generation} waits for 1 workers"
        assert worker.poll() is None


def test_one_follower_a_home(host: _Host, tmp_path: Path) -> None:
    """A second one is turned away while the first works, and welcome after it."""
    host.follower.start()
    other = _Host(host.room, host.registry, tmp_path, host.clock)
    try:
        with pytest.raises(Misconfigured, match="Another follower"):
            other.follower.start()
    finally:
        host.follower.stop()
    other.follower.start()
    other.follower.stop()


def test_only_the_version_that_fails_is_refused(host: _Host) -> None:
    """Of two versions in one generation that a worker can't take, the one it could load is served a moment later."""
    slot = host.room.board.claim()
    host.add("a", "1")
    host.add("b", "2")
    host.read()
    facts = {}
    for name in ("a", "b"):  # both are ready before the first of them is prepared
        version = host.registry.snapshot().models[name].versions[1]
        facts[name] = host.preparation.attempt(version, host.preparation.fetch(version, ""))
        host.follower._ledger.learn(version.id, facts[name])
    generation = _stand_by(host, slot)
    _fail(host, slot, generation, [facts["a"].digest])
    host.follower.tick()
    assert (host.fact("a", 1).phase, host.fact("b", 1).phase) == (Phase.REFUSED, Phase.READY)
    assert list(host.room.places.failures.iterdir()) == []
    assert host.follower.tick().startswith("serving generation 0")
    host.clock.advance(1.0)
    host.room.board.acknowledge(slot, _stand_by(host, slot))
    host.follower.tick()
    assert host.served() == {"b": 1}


def test_a_deployment_that_fails_again_and_again_makes_no_storm(host: _Host) -> None:
    """Where no version is to blame the next attempt waits, each time twice as long."""
    slot = host.room.board.claim()
    version = host.add("m", "1")
    host.room.board.acknowledge(slot, _stand_by(host, slot))
    host.follower.tick()
    host.registry.set_alias("m", "blue", version)
    waits = []
    for _ in range(3):
        _fail(host, slot, _stand_by(host, slot), ["0" * 64])
        host.follower.tick()
        began = host.clock.now()
        while host.room.board.target == host.room.board.committed:
            host.clock.advance(0.5)
            host.follower.tick()
        waits.append(host.clock.now() - began)
    assert waits == [1.0, 2.0, 4.0]


def test_what_can_not_be_fetched_is_tried_ever_less_often(host: _Host, registry: MemoryRegistry) -> None:
    """The pauses double up to ten minutes, the history has one line, and a new signature means another try at once."""
    registry.create_model("m")
    version = registry.create_version("m", "file:/not/there", "r", {}).version
    registry.set_stage("m", version, "Production")
    pauses = []
    for _ in range(9):
        host.settle()
        pauses.append(host.fact("m", version).retry_at - host.clock.now())
        host.clock.advance(pauses[-1])
    assert pauses[:3] == [15.0, 30.0, 60.0]
    assert pauses[-1] == 600.0
    host.reporter.flush()
    assert host.lines == [("refused", "m", version)]
    host.settle()
    registry.set_version_tags("m", version, {tags.SIGNATURE: "ed25519:x:y"})
    host.settle()
    assert host.fact("m", version).retry_at - host.clock.now() == 15.0


def test_a_reason_is_cut(host: _Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal that a version's files can make as long as they like still fits a tag."""
    version = host.add("m", "1")
    monkeypatch.setattr(host.preparation, "fetch", lambda *_: Fact(Phase.REFUSED, reason="x" * 1_000_000))
    host.settle()
    assert len(host.fact("m", version).reason) < 1_100


def test_an_empty_registry_unloads_nothing_after_a_restart(host: _Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A follower that starts beside a registry without its data keeps what is served."""
    host.add("m", "1")
    host.settle()
    host.start()
    monkeypatch.setattr(host.registry, "snapshot", Snapshot)
    for _ in range(4):
        assert host.settle().startswith("waiting for a first good reading")
    assert host.served() == {"m": 1}


def test_a_board_that_was_lost_is_put_up_again(host: _Host) -> None:
    """The last committed generation is in charge again before the registry answers."""
    host.add("m", "1")
    host.settle()
    host.add("m", "2")
    host.settle()
    committed = host.room.board.committed
    host.room.places.board.write_bytes(b"another version's board")
    host.registry.down = True
    host.start()
    host.follower.start()
    host.follower.stop()
    assert host.follower._board.committed == committed
    assert host.room.generations.read(committed).tracks["m", PROD].id.version == 2


def test_files_altered_while_nobody_ran_are_fetched_again(host: _Host) -> None:
    """A served version that is not any more what was admitted is brought back from the registry."""
    host.add("m", "1")
    host.settle()
    digest = host.fact("m", 1).digest
    (host.room.store.entry(digest).files / "MLmodel").write_text("{}")
    host.start()
    host.follower.start()
    host.follower.stop()
    assert not host.room.store.has(digest)
    host.start()
    host.settle()
    assert host.room.store.verified(digest)
    assert host.served() == {"m": 1}


def test_a_key_that_does_not_count_any_more_promotes_nothing(
    host: _Host, library: Callable[[str], Path], tmp_path: Path
) -> None:
    """A pickle that was signed and ready is refused once its key, or its signature, is taken away."""
    key = SigningKey.load_or_create(tmp_path / "keys")
    for number in (1, 2):
        folder = Path(shutil.copytree(library("1"), tmp_path / f"pickle-{number}"))
        (folder / "MLmodel").write_text("flavors: {sklearn: {serialization_format: pickle}}")
        (folder / "number").write_text(str(number))
        manifest = Manifest.of_folder(folder, "m", "r")
        host.registry.create_model("m")
        content = {tags.MANIFEST: manifest.to_json(), tags.SIGNATURE: key.sign(manifest)}
        host.registry.create_version("m", str(folder), "r", content)
        host.registry.set_stage("m", number, "Staging")
        host.settle()
        assert host.fact("m", number).phase == Phase.READY
    host.registry.set_version_tags("m", 1, {tags.SIGNATURE: ""})
    host.registry.set_stage("m", 1, "Production")
    host.settle()
    assert (host.served(), host.fact("m", 1).phase) == ({}, Phase.REFUSED)
    (tmp_path / "keys" / "trusted" / f"{key.id}.pem").unlink()
    host.registry.set_stage("m", 2, "Production")
    host.settle()
    assert (host.served(), host.fact("m", 2).phase) == ({}, Phase.REFUSED)


def test_refused_versions_do_not_fill_the_store(room: Room, registry: MemoryRegistry, tmp_path: Path) -> None:
    """The budget holds also while nothing is ever committed; what is served is kept."""
    host = _Host(room, registry, tmp_path, FakeClock(), settings={"serving_store_bytes": 1})
    host.add("m", "1")
    host.settle()
    host.preparation.refused = frozenset({2, 3})
    for model in ("2", "3"):
        host.add("m", model)
        host.settle()
    kept = [each.name for each in room.places.store.iterdir() if not each.name.startswith(".")]
    assert sorted(kept) == sorted({host.fact("m", 1).digest, host.fact("m", 3).digest})


def test_a_canary_is_for_the_version_that_it_was_set_for(host: _Host) -> None:
    """A tag shares traffic in one generation; the next version in Staging gets none, and the tag goes back to 0."""

    def shared() -> dict[str, Traffic]:
        return dict(host.room.generations.read(host.room.board.committed).traffic)

    host.add("m", "1")
    host.add("m", "2", "Staging")
    host.settle()
    assert shared() == {}
    host.registry.set_model_tags("m", {"cuelight.canary": "10", "cuelight.shadow": "50"})
    host.settle()
    assert shared() == {"m": Traffic(10.0, 50.0)}
    host.reporter.flush()
    assert ("traffic", "m", 2) in host.lines

    host.registry.set_stage("m", 2, "Archived")
    host.add("m", "3", "Staging")
    host.settle()
    host.reporter.flush()
    assert shared() == {"m": Traffic(0.0, 50.0)}
    assert host.registry.snapshot().models["m"].tags["cuelight.canary"] == "0"

    host.start()  # what was spent is remembered
    host.settle()
    assert shared() == {"m": Traffic(0.0, 50.0)}
    host.registry.set_model_tags("m", {"cuelight.canary": "10"})
    host.settle()
    assert shared() == {"m": Traffic(10.0, 50.0)}


def test_a_canary_takes_no_traffic_while_its_version_is_not_ready(host: _Host) -> None:
    """The share was set for the version to come; the one that Staging still serves does not get it."""
    host.add("m", "1")
    host.add("m", "2", "Staging")
    host.settle()
    host.preparation.refused = frozenset({3})
    host.registry.set_stage("m", 2, "Archived")
    host.add("m", "3", "Staging")
    host.settle()
    host.registry.set_model_tags("m", {"cuelight.canary": "20"})
    host.settle()
    deployment = host.room.generations.read(host.room.board.committed)
    assert deployment.tracks["m", Track.STAGING].id.version == 2
    assert deployment.traffic == {}


def test_a_rollout_raises_the_canary_while_its_checks_pass(host: _Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Step by step, in one generation each; it waits while there is too little to tell, also over a restart."""
    standing = Standing.FINE
    monkeypatch.setattr(Follower, "_standing", lambda *_: standing)

    def look() -> tuple[float, str]:
        host.clock.advance(600.0)
        host.settle()
        host.reporter.flush()
        found = host.room.generations.read(host.room.board.committed).traffic.get("m", Traffic())
        return found.canary, found.why

    host.add("m", "1")
    host.add("m", "2", "Staging")
    host.settle()
    host.registry.set_model_tags("m", {"cuelight.rollout": "5,25,100 every 10m", "cuelight.canary": "7"})
    assert look() == (5.0, "rollout 5,25,100 every 10m: the rollout begins")
    assert look() == (25.0, "rollout 5,25,100 every 10m: its checks passed at 5 %")
    standing = Standing.NOT_ENOUGH
    host.start()
    assert look()[0] == look()[0] == 25.0
    reason = host.registry.snapshot().models["m"].versions[2].tags["cuelight.reason"]
    assert reason.startswith("Serves Staging (stage). Rollout: step 2 of 3, 25 % since ")
    assert reason.endswith(": it waits, there is too little traffic yet to tell.")
    standing = Standing.FINE
    assert look()[0] == 100.0
    assert host.lines.count(("traffic", "m", 2)) == 3

    host.registry.set_stage("m", 2, "Archived")
    host.add("m", "3", "Staging")
    assert look() == (0.0, "")
    assert host.registry.snapshot().models["m"].tags == {"cuelight.rollout": "off", "cuelight.canary": "0"}


@pytest.mark.parametrize("restarted", [False, True])
def test_an_order_to_roll_back_needs_no_registry(host: _Host, restarted: bool) -> None:
    """It is carried out in the next ticks, also by a follower that has not read the registry, which is told later."""
    orders = Orders(host.room.places.orders)
    for model in ("1", "2"):
        host.add("m", model)
        host.settle()
    host.registry.set_alias("m", "champion", 2)
    host.settle()
    host.registry.down = True
    order = orders.leave("m", 1, 2, "anna")
    if restarted:
        host.start()
    host.settle()
    assert host.served() == {"m": 1}
    assert orders.answer(order) == Answer(True, "m version 1 answers again.")
    if restarted:
        host.reporter.flush()
        host.start()
        host.settle()
    assert host.served() == {"m": 1}

    host.registry.down = False
    for _ in range(2):
        host.settle()
        host.reporter.flush()
    found = host.registry.snapshot().models["m"]
    assert ({number: each.stage for number, each in found.versions.items()}, found.aliases) == (
        {1: "Production", 2: "Archived"},
        {"champion": 1},
    )
    host.settle()
    host.reporter.flush()
    assert host.served() == {"m": 1}
    assert host.registry.snapshot().models["m"].versions[2].tags["cuelight.state"] == "rolled-back"
    assert [line for line in host.lines if line[0].startswith("roll")] == [
        ("rolled-back", "m", 2),
        ("rollback-settled", "m", 2),
    ]
    host.registry.set_stage("m", 2, "Production", archive_others=True)  # somebody means it
    host.settle()
    assert host.served() == {"m": 2}


def test_an_order_is_overruled_by_the_registry(host: _Host) -> None:
    """A third version in Production is what people want, whatever was ordered before they could say so."""
    for model in ("1", "2"):
        host.add("m", model)
        host.settle()
    host.registry.down = True
    Orders(host.room.places.orders).leave("m", None, None, "anna")
    host.settle()
    assert host.served() == {"m": 1}
    host.registry.down = False
    host.add("m", "3")
    host.settle()
    host.reporter.flush()
    assert host.served() == {"m": 3}
    assert host.registry.snapshot().models["m"].versions[3].stage == "Production"
    assert ("rollback-settled", "m", 2) in host.lines


def test_an_order_whose_version_no_worker_can_load_is_refused(host: _Host) -> None:
    """The present version goes on answering, and nothing is tried for ever."""
    for model in ("1", "2"):
        host.add("m", model)
        host.settle()
    slot = host.room.board.claim()
    host.registry.down = True
    orders = Orders(host.room.places.orders)
    order = orders.leave("m", 1, 2, "anna")
    generation = _stand_by(host, slot)
    _fail(host, slot, generation, [host.fact("m", 1).digest])
    host.follower.tick()
    host.follower.tick()
    answer = orders.answer(order)
    assert answer == Answer(False, f"m version 1 can't be served: generation {generation} dropped: no memory")
    host.clock.advance(60.0)
    assert host.settle().startswith("serving")
    assert host.served() == {"m": 2}
