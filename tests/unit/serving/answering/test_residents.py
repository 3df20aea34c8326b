from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cuelight.kit.clock import FakeClock
from cuelight.kit.errors import Unavailable
from cuelight.protocol.rows import Rows
from cuelight.registry.model import Track
from cuelight.serving.answering.residents import Residents
from cuelight.serving.host import repertoire
from cuelight.serving.host.deployment import Deployment, Served, Standby
from cuelight.serving.host.repertoire import Listed, Listing, Reader, Repertoire
from cuelight.serving.versions import loader
from tests.unit.serving.room import Room

PROD, STAG = Track.PRODUCTION, Track.STAGING
ZEROS = Rows({"a": np.zeros(1), "b": np.zeros(1)}, 1)


class _Worker(Residents):
    """A worker whose watching thread is this test: it looks when it is told to."""

    def _watch(self) -> None:
        return None


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The digests that were loaded, in order."""
    seen: list[str] = []

    def load(files: Path, digest: str, *more: Any) -> Any:
        seen.append(digest)
        return loader.load(files, digest, *more)

    monkeypatch.setattr("cuelight.serving.versions.admission.load", load)
    return seen


@pytest.fixture
def worker(room: Room) -> Iterator[_Worker]:
    """A worker that has not started."""
    worker = _Worker(room.board, room.generations, room.store, room.places.failures, FakeClock())
    yield worker
    worker.stop()


def _deploy(room: Room, number: int, standby: tuple[Served, ...] = (), **tracks: Served) -> Deployment:
    """Write generation `number`: keyword names are models, all in Production."""
    kept = tuple(Standby(each, 9e9) for each in standby)
    deployment = Deployment(number, 0.0, {(name, PROD): each for name, each in tracks.items()}, {}, kept)
    room.generations.write(deployment)
    return deployment


def _answer(worker: Residents, model: str) -> float:
    cast = worker.current()
    return float(cast.version(cast.deployment.tracks[model, PROD]).predict(ZEROS, {}).values[0])


def _word(room: Room) -> tuple[int, int]:
    """What this worker's slot says: acknowledged and failed generation."""
    mine = next(each for each in room.board.workers() if each.pid == os.getpid())
    return mine.loaded, mine.failed


class _Tally:
    """Who is told what comes and goes."""

    def __init__(self) -> None:
        self.loads = self.evictions = 0
        self.held = (0, 0)

    def count_load(self) -> None:
        self.loads += 1

    def count_evictions(self, number: int) -> None:
        self.evictions += number

    def set_residents(self, number: int, size: int) -> None:
        self.held = number, size


def test_what_comes_and_goes_is_told(room: Room) -> None:
    """Each load, each version that no generation needs any more, and how much is in memory: by the trial's measure."""
    tally = _Tally()
    worker = _Worker(room.board, room.generations, room.store, room.places.failures, FakeClock(), tally=tally)
    one, two = room.served("m", "1"), room.served("m", "2")
    for served, size in ((one, 1000), (two, 30)):
        entry = room.store.entry(served.digest)
        entry.trial.write_text(json.dumps({"resident_bytes": size}))
    _deploy(room, 1, m=one)
    room.board.commit(1)
    worker.start()
    assert (tally.loads, tally.evictions, tally.held) == (1, 0, (1, 1000))
    _deploy(room, 2, standby=(one,), m=two)
    room.board.prepare(2)
    worker.look()
    assert (tally.loads, tally.held) == (2, (2, 1030))
    room.board.commit(2)
    worker.look()
    assert (tally.evictions, tally.held) == (0, (2, 1030))  # the one before is kept to go back to
    _deploy(room, 3, m=two)
    room.board.commit(3)
    worker.look()
    assert (tally.loads, tally.evictions, tally.held) == (2, 1, (1, 30))
    worker.stop()


def test_an_empty_host_is_ready_at_once(worker: _Worker, room: Room) -> None:
    """Generation 0 is nothing, and a worker that serves nothing is ready."""
    assert not worker.ready or room.board.committed not in worker._casts
    worker.start()
    assert worker.ready
    assert worker.current().deployment == Deployment()


def test_prepare_acknowledge_commit(worker: _Worker, room: Room, loads: list[str]) -> None:
    """A worker loads what is prepared and says so; it answers by it from the commit on, and not before."""
    worker.start()
    one, two = room.served("m", "1"), room.served("m", "2", 2)
    _deploy(room, 1, m=one)
    room.board.prepare(1)
    worker.look()
    assert _word(room) == (1, 0)
    assert worker.current().deployment.generation == 0
    room.board.commit(1)
    assert _answer(worker, "m") == 1.0
    _deploy(room, 2, (one,), m=two)
    room.board.prepare(2)
    worker.look()
    assert _answer(worker, "m") == 1.0
    room.board.commit(2)
    assert _answer(worker, "m") == 2.0
    assert loads == [one.digest, two.digest]


def test_no_version_is_loaded_twice(worker: _Worker, room: Room, loads: list[str]) -> None:
    """On two tracks, in two models, or in generation after generation: equal files are in memory once."""
    one = room.served("m", "1")
    same = room.served("n", "1")
    worker.start()
    for number in range(1, 4):
        room.generations.write(Deployment(number, 0.0, {("m", PROD): one, ("m", STAG): one, ("n", PROD): same}))
        room.board.prepare(number)
        worker.look()
        room.board.commit(number)
    assert loads == [one.digest]
    assert (_answer(worker, "m"), _answer(worker, "n")) == (1.0, 1.0)


def test_old_generations_are_forgotten(worker: _Worker, room: Room) -> None:
    """After a commit only that generation, and what is being prepared, is held."""
    worker.start()
    one, two = room.served("m", "1"), room.served("m", "2", 2)
    _deploy(room, 1, m=one)
    _deploy(room, 2, m=two)
    for number in (1, 2):
        room.board.prepare(number)
        worker.look()
        room.board.commit(number)
    worker.look()
    assert list(worker._casts) == [2]


def test_a_version_that_cannot_be_loaded_fails_its_generation(worker: _Worker, room: Room, loads: list[str]) -> None:
    """The fail word is set, the reason is in a file, the old version answers on, and it is not tried over and over."""
    worker.start()
    one, two = room.served("m", "1"), room.served("m", "2", 2)
    _deploy(room, 1, m=one)
    room.board.prepare(1)
    worker.look()
    room.board.commit(1)
    next((room.store.entry(two.digest).files).glob("*.skops")).write_bytes(b"junk")
    _deploy(room, 2, m=two)
    room.board.prepare(2)
    for _ in range(3):
        worker.look()
    assert _word(room) == (1, 2)
    reason = json.loads((room.places.failures / "2-0.json").read_text())
    assert "m version 2" in reason["reason"]
    assert "altered" in reason["reason"]
    assert reason["digests"] == [two.digest]
    room.board.abandon()
    worker.look()
    assert _answer(worker, "m") == 1.0
    assert loads == [one.digest]


def test_a_failure_is_told_though_its_reason_finds_no_room(
    worker: _Worker, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk the fail word alone is set: the follower must not wait for a worker that gave up."""
    worker.start()
    _deploy(room, 1, m=room.served("m", "1"))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    monkeypatch.setattr(room.generations, "read", full)
    room.board.prepare(1)
    worker.look()
    assert _word(room) == (0, 1)


def test_a_version_whose_files_come_back_is_served_again(worker: _Worker, room: Room) -> None:
    """A worker that lacks a version tries again by itself, now and then."""
    one = room.served("m", "1")
    _deploy(room, 1, m=one)
    room.store.remove(one.digest)
    room.board.commit(1)
    worker.start()
    with pytest.raises(Unavailable, match="not in the model store"):
        _answer(worker, "m")
    worker.look()
    assert room.served("m", "1") == one
    worker.look()
    assert worker.current().missing
    assert isinstance(worker._clock, FakeClock)
    worker._clock.advance(10.0)
    worker.look()
    assert _answer(worker, "m") == 1.0


def test_a_worker_starts_beside_a_generation_that_is_just_forgotten(
    worker: _Worker, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was committed when it looked may be over, and its file gone, when it reads."""
    _deploy(room, 2, m=room.served("m", "1"))
    room.board.commit(1)
    read = room.generations.read

    def late(generation: int) -> Deployment:
        room.board.commit(2)
        return read(generation)

    monkeypatch.setattr(room.generations, "read", late)
    worker.start()
    assert _answer(worker, "m") == 1.0


def test_a_generation_that_cannot_be_read_fails_too(worker: _Worker, room: Room) -> None:
    """Whatever is wrong with it, the follower hears of it and need not wait."""
    worker.start()
    room.places.generations.mkdir(exist_ok=True)
    (room.places.generations / f"{1:012d}.json").write_text('{"generation": 1}')
    room.board.prepare(1)
    worker.look()
    assert _word(room) == (0, 1)
    room.board.prepare(2)
    worker.look()
    assert _word(room) == (0, 2)


def test_a_late_worker_loads_what_is_committed(worker: _Worker, room: Room) -> None:
    """One that was away during the switch, or has just started, answers by the committed generation, and says so."""
    one, two = room.served("m", "1"), room.served("m", "2", 2)
    _deploy(room, 1, m=one)
    room.board.commit(1)
    worker.start()
    assert _word(room) == (1, 0)
    assert _answer(worker, "m") == 1.0
    _deploy(room, 2, m=two)
    room.board.commit(2)
    assert not worker.ready
    worker.look()
    assert (worker.ready, _answer(worker, "m"), _word(room)) == (True, 2.0, (2, 0))


def test_a_worker_that_does_not_catch_up_says_unavailable(
    room: Room, worker: _Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request waits for a while for the committed generation, and is then told to come again."""
    worker.start()
    room.board.commit(1)
    assert isinstance(worker._clock, FakeClock)
    clock = worker._clock
    monkeypatch.setattr(worker._arrived, "wait", clock.advance)
    with pytest.raises(Unavailable, match="still loading"):
        worker.current()


def test_a_worker_starts_though_one_version_is_out_of_order(worker: _Worker, room: Room) -> None:
    """The others answer; that one is unavailable with its reason; and promotions, its own included, go on."""
    broken, fine = room.served("m", "1"), room.served("n", "2")
    next((room.store.entry(broken.digest).files).glob("*.skops")).write_bytes(b"junk")
    _deploy(room, 1, m=broken, n=fine)
    room.board.commit(1)
    worker.start()
    assert _answer(worker, "n") == 2.0
    with pytest.raises(Unavailable, match=r"m version 1.*altered"):
        _answer(worker, "m")
    _deploy(room, 2, m=broken, n=room.served("n", "3", 2))
    room.board.prepare(2)
    worker.look()
    assert _word(room) == (2, 0)
    _deploy(room, 3, (broken,), m=room.served("m", "3", 2), n=fine)
    room.board.commit(2)
    room.board.prepare(3)
    worker.look()
    room.board.commit(3)
    assert (_answer(worker, "m"), _answer(worker, "n")) == (3.0, 2.0)


def test_a_real_workers_threads_do_all_that_by_themselves(room: Room) -> None:
    """Started as in production, it stands by without being told to look; stopped, its slot is free."""
    from tests.support.host import eventually

    worker = Residents(room.board, room.generations, room.store, room.places.failures)
    worker.start()
    try:
        _deploy(room, 1, m=room.served("m", "1"))
        room.board.prepare(1)
        eventually(lambda: _word(room)[0] == 1, 10)
        room.board.commit(1)
        assert _answer(worker, "m") == 1.0
    finally:
        worker.stop()
    assert room.board.workers() == []


def test_memory_is_given_back_after_a_switch(worker: _Worker, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """A moment after a version was loaded or forgotten, so that those in flight have let go of it; else never."""
    given: list[float] = []
    clock = worker._clock
    assert isinstance(clock, FakeClock)
    monkeypatch.setattr("cuelight.serving.versions.memory.give_back", lambda: given.append(clock.monotonic()))
    worker.start()
    for number in (1, 2):
        _deploy(room, number, m=room.served("m", str(number), number))
        room.board.prepare(number)
        worker.look()
        room.board.commit(number)
        worker.look()
        assert len(given) == number - 1
        clock.advance(5.0)
        worker.look()
        worker.look()
        assert len(given) == number


def test_a_version_has_predicted_before_it_is_stood_by_for(
    worker: _Worker, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its input example, in this worker: the first caller meets a warm one. One that raises at it is kept."""
    asked: list[int] = []

    def load(*arguments: Any) -> Any:
        version = loader.load(*arguments)

        def predict(rows: Rows, parameters: Any) -> Any:
            asked.append(rows.count)
            if len(asked) == 2:
                raise RuntimeError("cold")
            return version.predict(rows, parameters)

        return replace(version, predict=predict)

    monkeypatch.setattr("cuelight.serving.versions.admission.load", load)
    worker.start()
    for number in (1, 2):
        _deploy(room, number, m=room.served("m", str(number), number))
        room.board.prepare(number)
        worker.look()
        assert (_word(room), asked) == ((number, 0), [2] * number)
        room.board.commit(number)


@pytest.mark.parametrize(("compiles", "way"), [(True, "linear"), (False, "model")])
def test_a_compiled_way_serves_if_it_was_proved_and_settings_allow(room: Room, compiles: bool, way: str) -> None:
    """`serving.compile = false`: the model itself, with the same answer."""
    served = room.served("m", "7")
    _deploy(room, 1, m=served)
    room.store.verified(served.digest).trial.write_text(json.dumps({"compiled": "linear"}))
    room.board.commit(1)
    worker = _Worker(
        room.board, room.generations, room.store, room.places.failures, FakeClock(), compile_models=compiles
    )
    worker.start()
    try:
        cast = worker.current()
        assert cast.version(served).way == way
        assert _answer(worker, "m") == 7.0
    finally:
        worker.stop()


def test_what_may_be_asked_for_is_taken_up(room: Room) -> None:
    """When the follower has written it, also for what is in charge already, and what comes after."""
    reader = Reader(room.places.repertoire)
    worker = _Worker(room.board, room.generations, room.store, room.places.failures, FakeClock(), repertoire=reader)
    worker.start()
    assert worker.current().names == set()
    offer = Repertoire({"m": Listed({1: Listing(1, 1)})})
    repertoire.write(room.places.repertoire, offer)
    worker.look()
    assert (worker.current().repertoire, worker.current().names) == (offer, frozenset({"m"}))
    _deploy(room, 1, n=room.served("n", "1"))
    room.board.commit(1)
    worker.look()
    assert (worker.current().repertoire, worker.current().names) == (offer, frozenset({"m", "n"}))
    worker.stop()
