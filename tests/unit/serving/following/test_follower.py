from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cuelight.kit.clock import FakeClock, SystemClock
from cuelight.kit.errors import Misconfigured
from cuelight.kit.signing import SigningKey
from cuelight.registry import tags
from cuelight.registry.manifest import Manifest
from cuelight.registry.memory import MemoryRegistry
from cuelight.registry.model import Snapshot
from cuelight.serving.host.facts import Fact, Phase
from tests.unit.serving.following.followed import PROD, Followed
from tests.unit.serving.room import Room

_WORKER = """
import sys
from pathlib import Path
from cuelight.serving.host.board import Board
board = Board(Path(sys.argv[1]))
print(board.claim(), flush=True)
sys.stdin.read()
"""


class _Ahead(SystemClock):
    """The machine's clock after somebody set the time of day an hour ahead."""

    def now(self) -> float:
        return super().now() + 3600.0


def test_a_promotion_is_carried_out(host: Followed) -> None:
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
    host = Followed(room, registry, tmp_path, _Ahead())
    host.add("m", "1")
    command = [sys.executable, "-c", _WORKER, str(room.places.board)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        slot = int(worker.stdout.readline())
        generation = host.stand_by(slot)
        assert host.follower.tick() == f"generation {generation} waits for 1 workers"
        assert worker.poll() is None


def test_one_follower_a_home(host: Followed, tmp_path: Path) -> None:
    """A second one is turned away while the first works, and welcome after it."""
    host.follower.start()
    other = Followed(host.room, host.registry, tmp_path, host.clock)
    try:
        with pytest.raises(Misconfigured, match="Another follower"):
            other.follower.start()
    finally:
        host.follower.stop()
    other.follower.start()
    other.follower.stop()


def test_only_the_version_that_fails_is_refused(host: Followed) -> None:
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
    generation = host.stand_by(slot)
    host.fail(slot, generation, [facts["a"].digest])
    host.follower.tick()
    assert (host.fact("a", 1).phase, host.fact("b", 1).phase) == (Phase.REFUSED, Phase.READY)
    assert list(host.room.places.failures.iterdir()) == []
    assert host.follower.tick().startswith("serving generation 0")
    host.clock.advance(1.0)
    host.room.board.acknowledge(slot, host.stand_by(slot))
    host.follower.tick()
    assert host.served() == {"b": 1}


def test_a_deployment_that_fails_again_and_again_makes_no_storm(host: Followed) -> None:
    """Where no version is to blame the next attempt waits, each time twice as long."""
    slot = host.room.board.claim()
    version = host.add("m", "1")
    host.room.board.acknowledge(slot, host.stand_by(slot))
    host.follower.tick()
    host.registry.set_alias("m", "blue", version)
    waits = []
    for _ in range(3):
        host.fail(slot, host.stand_by(slot), ["0" * 64])
        host.follower.tick()
        began = host.clock.now()
        while host.room.board.target == host.room.board.committed:
            host.clock.advance(0.5)
            host.follower.tick()
        waits.append(host.clock.now() - began)
    assert waits == [1.0, 2.0, 4.0]


def test_what_can_not_be_fetched_is_tried_ever_less_often(host: Followed, registry: MemoryRegistry) -> None:
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


def test_a_reason_is_cut(host: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal that a version's files can make as long as they like still fits a tag."""
    version = host.add("m", "1")
    monkeypatch.setattr(host.preparation, "fetch", lambda *_: Fact(Phase.REFUSED, reason="x" * 1_000_000))
    host.settle()
    assert len(host.fact("m", version).reason) < 1_100


def test_an_empty_registry_unloads_nothing_after_a_restart(host: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A follower that starts beside a registry without its data keeps what is served."""
    host.add("m", "1")
    host.settle()
    host.start()
    monkeypatch.setattr(host.registry, "snapshot", Snapshot)
    for _ in range(4):
        assert host.settle().startswith("waiting for a first good reading")
    assert host.served() == {"m": 1}


def test_a_board_that_was_lost_is_put_up_again(host: Followed) -> None:
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


def test_files_altered_while_nobody_ran_are_fetched_again(host: Followed) -> None:
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
    host: Followed, library: Callable[[str], Path], tmp_path: Path
) -> None:
    """A pickle that was signed and ready is refused once its key, or its signature, is taken away."""
    key = SigningKey.load_or_create(tmp_path / "keys")
    for number in (1, 2):
        folder = Path(shutil.copytree(library("1"), tmp_path / f"pickle-{number}"))
        (folder / "MLmodel").write_text("flavors: {sklearn: {serialization_format: pickle}}")
        (folder / "number").write_text(str(number))
        manifest = Manifest.of_folder(folder, "m", "r")
        host.registry.create_model("m")
        content = manifest.signed(key)
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
    host = Followed(room, registry, tmp_path, FakeClock(), settings={"serving_store_bytes": 1})
    host.add("m", "1")
    host.settle()
    host.preparation.refused = frozenset({2, 3})
    for model in ("2", "3"):
        host.add("m", model)
        host.settle()
    kept = [each.name for each in room.places.store.iterdir() if not each.name.startswith(".")]
    assert sorted(kept) == sorted({host.fact("m", 1).digest, host.fact("m", 3).digest})
