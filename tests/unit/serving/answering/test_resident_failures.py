"""Residents that can't be loaded, come late, or are gone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cuelight.kit.clock import FakeClock
from cuelight.kit.errors import Unavailable
from cuelight.serving.host.deployment import Deployment
from tests.unit.serving.answering.watched import Watched, answer, deploy, word
from tests.unit.serving.room import Room


def test_a_version_that_cannot_be_loaded_fails_its_generation(worker: Watched, room: Room, loads: list[str]) -> None:
    """The fail word is set, the reason is in a file, the old version answers on, and it is not tried over and over."""
    worker.start()
    one, two = room.served("m", "1"), room.served("m", "2", 2)
    deploy(room, 1, m=one)
    room.board.prepare(1)
    worker.look()
    room.board.commit(1)
    next((room.store.entry(two.digest).files).glob("*.skops")).write_bytes(b"junk")
    deploy(room, 2, m=two)
    room.board.prepare(2)
    for _ in range(3):
        worker.look()
    assert word(room) == (1, 2)
    reason = json.loads((room.places.failures / "2-0.json").read_text())
    assert "m version 2" in reason["reason"]
    assert "altered" in reason["reason"]
    assert reason["digests"] == [two.digest]
    room.board.abandon()
    worker.look()
    assert answer(worker, "m") == 1.0
    assert loads == [one.digest]


def test_a_failure_is_told_though_its_reason_finds_no_room(
    worker: Watched, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk the fail word alone is set: the follower must not wait for a worker that gave up."""
    worker.start()
    deploy(room, 1, m=room.served("m", "1"))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    monkeypatch.setattr(room.generations, "read", full)
    room.board.prepare(1)
    worker.look()
    assert word(room) == (0, 1)


def test_a_version_whose_files_come_back_is_served_again(worker: Watched, room: Room) -> None:
    """A worker that lacks a version tries again by itself, now and then."""
    one = room.served("m", "1")
    deploy(room, 1, m=one)
    room.store.remove(one.digest)
    room.board.commit(1)
    worker.start()
    with pytest.raises(Unavailable, match="not in the model store"):
        answer(worker, "m")
    worker.look()
    assert room.served("m", "1") == one
    worker.look()
    assert worker.current().missing
    assert isinstance(worker._clock, FakeClock)
    worker._clock.advance(10.0)
    worker.look()
    assert answer(worker, "m") == 1.0


def test_a_worker_starts_beside_a_generation_that_is_just_forgotten(
    worker: Watched, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was committed when it looked may be over, and its file gone, when it reads."""
    deploy(room, 2, m=room.served("m", "1"))
    room.board.commit(1)
    read = room.generations.read

    def late(generation: int) -> Deployment:
        room.board.commit(2)
        return read(generation)

    monkeypatch.setattr(room.generations, "read", late)
    worker.start()
    assert answer(worker, "m") == 1.0


def test_a_generation_that_cannot_be_read_fails_too(worker: Watched, room: Room) -> None:
    """Whatever is wrong with it, the follower hears of it and need not wait."""
    worker.start()
    room.places.generations.mkdir(exist_ok=True)
    (room.places.generations / f"{1:012d}.json").write_text('{"generation": 1}')
    room.board.prepare(1)
    worker.look()
    assert word(room) == (0, 1)
    room.board.prepare(2)
    worker.look()
    assert word(room) == (0, 2)


def test_a_late_worker_loads_what_is_committed(worker: Watched, room: Room) -> None:
    """One that was away during the switch, or has just started, answers by the committed generation, and says so."""
    one, two = room.served("m", "1"), room.served("m", "2", 2)
    deploy(room, 1, m=one)
    room.board.commit(1)
    worker.start()
    assert word(room) == (1, 0)
    assert answer(worker, "m") == 1.0
    deploy(room, 2, m=two)
    room.board.commit(2)
    assert not worker.ready
    worker.look()
    assert (worker.ready, answer(worker, "m"), word(room)) == (True, 2.0, (2, 0))


def test_a_worker_that_does_not_catch_up_says_unavailable(
    room: Room, worker: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request waits for a while for the committed generation, and is then told to come again."""
    worker.start()
    room.board.commit(1)
    assert isinstance(worker._clock, FakeClock)
    clock = worker._clock
    monkeypatch.setattr(worker._arrived, "wait", clock.advance)
    with pytest.raises(Unavailable, match="still loading"):
        worker.current()


def test_a_worker_starts_though_one_version_is_out_of_order(worker: Watched, room: Room) -> None:
    """The others answer; that one is unavailable with its reason; and promotions, its own included, go on."""
    broken, fine = room.served("m", "1"), room.served("n", "2")
    next((room.store.entry(broken.digest).files).glob("*.skops")).write_bytes(b"junk")
    deploy(room, 1, m=broken, n=fine)
    room.board.commit(1)
    worker.start()
    assert answer(worker, "n") == 2.0
    with pytest.raises(Unavailable, match=r"m version 1.*altered"):
        answer(worker, "m")
    deploy(room, 2, m=broken, n=room.served("n", "3", 2))
    room.board.prepare(2)
    worker.look()
    assert word(room) == (2, 0)
    deploy(room, 3, (broken,), m=room.served("m", "3", 2), n=fine)
    room.board.commit(2)
    room.board.prepare(3)
    worker.look()
    room.board.commit(3)
    assert (answer(worker, "m"), answer(worker, "n")) == (3.0, 2.0)
