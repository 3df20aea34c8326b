from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cuelight.kit.clock import FakeClock
from cuelight.protocol.rows import Rows
from cuelight.registry.model import Track
from cuelight.serving.answering.residents import Residents
from cuelight.serving.host import repertoire
from cuelight.serving.host.deployment import Deployment
from cuelight.serving.host.repertoire import Listed, Listing, Reader, Repertoire
from cuelight.serving.versions import loader
from tests.unit.serving.answering.watched import Watched, answer, deploy, word
from tests.unit.serving.room import Room

PROD, STAG = Track.PRODUCTION, Track.STAGING


class Tally:
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
    tally = Tally()
    worker = Watched(room.board, room.generations, room.store, room.places.failures, FakeClock(), tally=tally)
    one, two = room.served("m", "1"), room.served("m", "2")
    for served, size in ((one, 1000), (two, 30)):
        entry = room.store.entry(served.digest)
        entry.trial.write_text(json.dumps({"resident_bytes": size}))
    deploy(room, 1, m=one)
    room.board.commit(1)
    worker.start()
    assert (tally.loads, tally.evictions, tally.held) == (1, 0, (1, 1000))
    deploy(room, 2, standby=(one,), m=two)
    room.board.prepare(2)
    worker.look()
    assert (tally.loads, tally.held) == (2, (2, 1030))
    room.board.commit(2)
    worker.look()
    assert (tally.evictions, tally.held) == (0, (2, 1030))  # the one before is kept to go back to
    deploy(room, 3, m=two)
    room.board.commit(3)
    worker.look()
    assert (tally.loads, tally.evictions, tally.held) == (2, 1, (1, 30))
    worker.stop()


def test_an_empty_host_is_ready_at_once(worker: Watched, room: Room) -> None:
    """Generation 0 is nothing, and a worker that serves nothing is ready."""
    assert not worker.ready or room.board.committed not in worker._casts
    worker.start()
    assert worker.ready
    assert worker.current().deployment == Deployment()


def test_prepare_acknowledge_commit(worker: Watched, room: Room, loads: list[str]) -> None:
    """A worker loads what is prepared and says so; it answers by it from the commit on, and not before."""
    worker.start()
    one, two = room.served("m", "1"), room.served("m", "2", 2)
    deploy(room, 1, m=one)
    room.board.prepare(1)
    worker.look()
    assert word(room) == (1, 0)
    assert worker.current().deployment.generation == 0
    room.board.commit(1)
    assert answer(worker, "m") == 1.0
    deploy(room, 2, (one,), m=two)
    room.board.prepare(2)
    worker.look()
    assert answer(worker, "m") == 1.0
    room.board.commit(2)
    assert answer(worker, "m") == 2.0
    assert loads == [one.digest, two.digest]


def test_no_version_is_loaded_twice(worker: Watched, room: Room, loads: list[str]) -> None:
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
    assert (answer(worker, "m"), answer(worker, "n")) == (1.0, 1.0)


def test_old_generations_are_forgotten(worker: Watched, room: Room) -> None:
    """After a commit only that generation, and what is being prepared, is held."""
    worker.start()
    one, two = room.served("m", "1"), room.served("m", "2", 2)
    deploy(room, 1, m=one)
    deploy(room, 2, m=two)
    for number in (1, 2):
        room.board.prepare(number)
        worker.look()
        room.board.commit(number)
    worker.look()
    assert list(worker._casts) == [2]


def test_a_real_workers_threads_do_all_that_by_themselves(room: Room) -> None:
    """Started as in production, it stands by without being told to look; stopped, its slot is free."""
    from tests.support.host import eventually

    worker = Residents(room.board, room.generations, room.store, room.places.failures)
    worker.start()
    try:
        deploy(room, 1, m=room.served("m", "1"))
        room.board.prepare(1)
        eventually(lambda: word(room)[0] == 1)
        room.board.commit(1)
        assert answer(worker, "m") == 1.0
    finally:
        worker.stop()
    assert room.board.workers() == []


def test_memory_is_given_back_after_a_switch(worker: Watched, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """A moment after a version was loaded or forgotten, so that those in flight have let go of it; else never."""
    given: list[float] = []
    clock = worker._clock
    assert isinstance(clock, FakeClock)
    monkeypatch.setattr("cuelight.serving.versions.memory.give_back", lambda: given.append(clock.monotonic()))
    worker.start()
    for number in (1, 2):
        deploy(room, number, m=room.served("m", str(number), number))
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
    worker: Watched, room: Room, monkeypatch: pytest.MonkeyPatch
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
        deploy(room, number, m=room.served("m", str(number), number))
        room.board.prepare(number)
        worker.look()
        assert (word(room), asked) == ((number, 0), [2] * number)
        room.board.commit(number)


@pytest.mark.parametrize(("compiles", "way"), [(True, "linear"), (False, "model")])
def test_a_compiled_way_serves_if_it_was_proved_and_settings_allow(room: Room, compiles: bool, way: str) -> None:
    """`serving.compile = false`: the model itself, with the same answer."""
    served = room.served("m", "7")
    deploy(room, 1, m=served)
    room.store.verified(served.digest).trial.write_text(json.dumps({"compiled": "linear"}))
    room.board.commit(1)
    worker = Watched(
        room.board, room.generations, room.store, room.places.failures, FakeClock(), compile_models=compiles
    )
    worker.start()
    try:
        cast = worker.current()
        assert cast.version(served).way == way
        assert answer(worker, "m") == 7.0
    finally:
        worker.stop()


def test_what_may_be_asked_for_is_taken_up(room: Room) -> None:
    """When the follower has written it, also for what is in charge already, and what comes after."""
    reader = Reader(room.places.repertoire)
    worker = Watched(room.board, room.generations, room.store, room.places.failures, FakeClock(), repertoire=reader)
    worker.start()
    assert worker.current().names == set()
    offer = Repertoire({"m": Listed({1: Listing(1, 1)})})
    repertoire.write(room.places.repertoire, offer)
    worker.look()
    assert (worker.current().repertoire, worker.current().names) == (offer, frozenset({"m"}))
    deploy(room, 1, n=room.served("n", "1"))
    room.board.commit(1)
    worker.look()
    assert (worker.current().repertoire, worker.current().names) == (offer, frozenset({"m", "n"}))
    worker.stop()
