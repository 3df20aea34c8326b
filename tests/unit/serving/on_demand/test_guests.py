"""Versions on no track: who waits for them, who comes, and who has to leave."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from cuelight.kit.clock import FakeClock
from cuelight.kit.errors import CuelightError, DeadlineExceeded, Refused, Unavailable
from cuelight.registry.model import Track
from cuelight.serving.answering.call import Asked, Call
from cuelight.serving.answering.lanes import Ticket
from cuelight.serving.host import guest_book, repertoire
from cuelight.serving.host.deployment import Deployment, Served
from cuelight.serving.host.facts import Phase
from cuelight.serving.host.repertoire import Listed, Listing, Reader, Repertoire
from cuelight.serving.host.wants import Wants
from cuelight.serving.on_demand.cache import Cache
from cuelight.serving.on_demand.foyer import Foyer
from cuelight.serving.on_demand.guests import Guests
from tests.support import models
from tests.unit.serving.room import Room

if TYPE_CHECKING:
    from cuelight.serving.answering.metrics import Metrics

_KIB = 1 << 10
_PATIENCE = 10.0


@dataclass
class _Annex:
    """An annex without a process: time passes, and loads end, when they are told to."""

    room: Room
    metrics: Metrics
    clock: FakeClock
    budget: int = 250 * _KIB
    resident: int = 1000
    in_use: set[str] = field(default_factory=set)
    listings: dict[int, Listing] = field(default_factory=dict)

    def __post_init__(self) -> None:
        places = self.room.places
        reader, cache = Reader(places.repertoire), Cache(self.budget)
        board, generations, store = self.room.board, self.room.generations, self.room.store
        self.guests = Guests(
            board, generations, store, reader, cache, places.guests, self.metrics, resident=lambda: self.resident
        )
        self.wants = Wants(places.wants)
        self.foyer = Foyer(self.guests, self.wants, _PATIENCE, clock=self.clock)

    def add(self, version: int, size: int = 100 * _KIB, **known: Any) -> Served:
        """A version of `m` that answers its number, tried and in the store; `known` is what its listing says else."""
        served = self.room.served("m", str(version), version)
        self.room.store.entry(served.digest).trial.write_text(json.dumps({"resident_bytes": size}))
        self.listings[version] = structs.replace(Listing(version, 1, "r", Phase.READY, served.digest), **known)
        self.publish()
        return served

    def publish(self) -> None:
        """The follower writes what there is."""
        repertoire.write(self.room.places.repertoire, Repertoire({"m": Listed(dict(self.listings))}))

    def ask(self, version: int, seconds: float = 30.0) -> Ticket:
        """A call comes in that has so much time."""
        self.guests.refresh()
        now = self.clock.monotonic()
        call = Call(Asked("m", version=str(version)), b"", arrived=now, deadline=now + seconds)
        ticket = Ticket("caller", call)
        self.foyer.enter(ticket)
        return ticket

    def turn(self, seconds: float = 0.0, load: bool = True) -> list[Ticket]:
        """One turn of the loop after that time, and after what was being loaded is; those whose wait is over."""
        if load and self.guests._arrival:
            self.guests._arrival.loading.exception()
        self.clock.advance(seconds)
        self.guests.look(self.clock.monotonic(), self.in_use)
        return self.foyer.look(self.in_use)

    def bring(self, version: int) -> None:
        """Ask for a version, and get it."""
        ticket = self.ask(version)
        over = self.turn() or self.turn()
        assert over == [ticket], over
        assert self.has(version)

    def has(self, version: int) -> bool:
        """Whether that version is in memory."""
        return self.guests.has(self.digest(version))

    def digest(self, version: int) -> str:
        """What its files are called in the store."""
        return self.listings[version].digest


def _faults(tickets: list[Ticket]) -> list[CuelightError | None]:
    return [each.call.fault for each in tickets]


@pytest.fixture
def annex(room: Room, metrics: Metrics, clock: FakeClock) -> _Annex:
    """One with room for two versions, and two and a half while one loads."""
    return _Annex(room, metrics, clock)


def test_a_version_is_loaded_once_for_all_who_wait(annex: _Annex, loads: list[str]) -> None:
    """They go on together, and it answers as that version does; the next one need not wait."""
    served = annex.add(2)
    tickets = [annex.ask(2) for _ in range(3)]
    assert (annex.turn(), len(annex.foyer)) == ([], 3)
    tickets.append(annex.ask(2))
    assert annex.turn() == tickets
    assert (_faults(tickets), len(annex.foyer), loads) == ([None] * 4, 0, [served.digest])
    assert annex.guests.current().version(served).digest == served.digest


def test_one_version_is_loaded_at_a_time(annex: _Annex, loads: list[str]) -> None:
    """The first to be asked for comes first."""
    wanted = [annex.add(number) for number in (3, 1, 2)]
    tickets = [annex.ask(each.id.version) for each in wanted]
    assert annex.turn() == []
    assert annex.guests.busy
    assert annex.turn() == [tickets[0]]
    assert annex.turn() == [tickets[1]]
    assert loads[:2] == [each.digest for each in wanted[:2]]


def test_the_one_not_used_for_longest_leaves(annex: _Annex) -> None:
    """For one that does not fit beside the others; it is loaded again when it is asked for again."""
    for number in (1, 2, 3):
        annex.add(number)
    annex.bring(1)
    annex.bring(2)
    annex.clock.advance(5.0)
    annex.guests.use(annex.digest(1), annex.clock.monotonic())
    annex.bring(3)
    assert [annex.has(each) for each in (1, 2, 3)] == [True, False, True]
    annex.clock.advance(5.0)
    annex.bring(2)


def test_who_waits_for_one_that_cannot_come_hears_when(annex: _Annex) -> None:
    """What has just come stays for a second, what is in use for as long as it is: who has the time waits for it."""
    for number in (1, 2, 3):
        annex.add(number)
    annex.bring(1)
    annex.bring(2)
    hasty = annex.ask(3, seconds=0.5)
    patient = annex.ask(3)
    over = annex.turn()
    assert [each.call.prediction_id for each in over] == [hasty.call.prediction_id]
    (fault,) = _faults(over)
    assert isinstance(fault, Unavailable)
    assert 0.5 < fault.retry_after <= 1.0
    annex.in_use = {annex.digest(1), annex.digest(2)}
    for _ in range(8):
        assert annex.turn(1.0) == []
    (fault,) = _faults(annex.turn(1.0))
    assert isinstance(fault, Unavailable)
    assert "in use" in str(fault)
    assert [annex.has(each) for each in (1, 2, 3)] == [True, True, False]
    assert patient.call.fault is None


def test_what_the_process_takes_beside_them_counts(annex: _Annex) -> None:
    """Not what a load or a big body takes for a moment: what stays."""
    for number in (1, 2):
        annex.add(number)
        annex.bring(number)
    annex.resident += 300 * _KIB
    for _ in range(5):
        annex.turn(1.0)
        assert annex.has(1)
    for _ in range(10):
        annex.turn(1.0)
    assert [annex.has(1), annex.has(2)] == [False, True]


def test_what_is_larger_than_the_budget_is_refused_at_once(annex: _Annex) -> None:
    """Nothing leaves for it; that needs a person."""
    annex.add(1)
    annex.add(2, size=300 * _KIB)
    annex.bring(1)
    annex.ask(2)
    (fault,) = _faults(annex.turn(5.0))
    assert isinstance(fault, Unavailable)
    assert "serving_cache_bytes" in str(fault)
    assert fault.retry_after == 600.0
    assert annex.has(1)


def test_what_is_not_here_is_asked_of_the_follower(annex: _Annex) -> None:
    """Once in five seconds, for as long as somebody waits; when it is here, it is loaded."""
    annex.add(4, phase=Phase.UNKNOWN)
    ticket = annex.ask(4)
    assert annex.turn() == []
    assert annex.wants.waiting() == [("m", 4)]
    annex.wants.remove("m", 4)
    annex.turn(4.0)
    assert annex.wants.waiting() == []
    annex.turn(1.0)
    assert annex.wants.waiting() == [("m", 4)]
    annex.listings[4] = structs.replace(annex.listings[4], phase=Phase.READY)
    annex.publish()
    annex.turn(1.0)
    assert annex.turn() == [ticket]


def test_what_has_left_the_store_is_asked_for_again(annex: _Annex) -> None:
    """The follower made room there for others."""
    served = annex.add(1)
    annex.room.store.remove(served.digest)
    annex.ask(1)
    assert (annex.turn(), annex.wants.waiting()) == ([], [("m", 1)])


def test_nobody_waits_longer_than_he_should(annex: _Annex) -> None:
    """Until his deadline, or as long as settings say: then he hears what is being done, and when to come again."""
    annex.add(4, phase=Phase.UNKNOWN)
    annex.ask(4, seconds=2.0)
    annex.ask(4)
    annex.turn()
    (fault,) = _faults(annex.turn(2.0))
    assert isinstance(fault, DeadlineExceeded)
    (fault,) = _faults(annex.turn(8.0))
    assert isinstance(fault, Unavailable)
    assert (str(fault), fault.retry_after) == ("m version 4 is being fetched and tried: try again.", 5.0)


def test_a_refusal_is_passed_on(annex: _Annex) -> None:
    """At once, with its reason; and the follower hears of it, for something may have changed."""
    annex.add(1, phase=Phase.REFUSED, reason="It is not signed.")
    annex.ask(1)
    (fault,) = _faults(annex.turn())
    assert isinstance(fault, Refused)
    assert str(fault) == "m version 1 can't be served. It is not signed."
    assert annex.wants.waiting() == [("m", 1)]


def test_what_cannot_be_loaded_is_left_alone(annex: _Annex, loads: list[str]) -> None:
    """For ten seconds: its callers hear why, and the follower looks at the files."""
    served = annex.add(1)
    models.alter(annex.room.store.entry(served.digest).files)
    annex.ask(1)
    annex.turn()
    (fault,) = _faults(annex.turn())
    assert isinstance(fault, Unavailable)
    assert "altered" in str(fault)
    assert annex.wants.waiting() == [("m", 1)]
    annex.ask(1)
    (fault,) = _faults(annex.turn(4.0))
    assert isinstance(fault, Unavailable)
    assert fault.retry_after == pytest.approx(6.0)
    assert loads == []


def test_what_is_deleted_goes(annex: _Annex) -> None:
    """Also while somebody waits for it: he is told that there is no such version. What is in use, when it is not."""
    annex.add(1)
    annex.add(2)
    annex.bring(1)
    waits = annex.ask(2)
    digest, annex.in_use = annex.digest(1), {annex.digest(1)}
    annex.listings.clear()
    annex.publish()
    assert annex.turn(1.0) == [waits]
    assert waits.call.fault is None
    assert annex.guests.has(digest)
    annex.in_use = set()
    annex.turn(1.0)
    assert not annex.guests.has(digest)


@pytest.mark.parametrize("known", [{"phase": Phase.REFUSED}, {"phase": Phase.UNKNOWN, "digest": ""}])
def test_what_is_no_longer_trusted_goes(annex: _Annex, known: dict[str, Any]) -> None:
    """Its key was taken away, or its files are others now."""
    served = annex.add(1)
    annex.bring(1)
    annex.listings[1] = structs.replace(annex.listings[1], **known)
    annex.publish()
    annex.turn(1.0)
    assert not annex.guests.has(served.digest)


def test_what_comes_onto_a_track_goes(annex: _Annex) -> None:
    """Workers have it now; a second later, for a call may be on its way. Off the track, it may come again."""
    served = annex.add(1)
    annex.bring(1)
    annex.room.generations.write(Deployment(1, 0.0, {("m", Track.STAGING): served}))
    annex.room.board.commit(1)
    annex.turn(0.5)
    assert annex.has(1)
    annex.turn(1.0)
    assert (annex.has(1), annex.guests.current().deployment.generation) == (False, 1)
    annex.room.generations.write(Deployment(2))
    annex.room.board.commit(2)
    annex.turn(1.0)
    annex.bring(1)


def test_who_is_here_is_written_down(annex: _Annex) -> None:
    """For those who ask a worker."""
    served = annex.add(1)
    annex.bring(1)
    annex.guests._hand.submit(lambda: None).result()
    (guest,) = guest_book.read(annex.room.places.guests)
    assert (guest.model, guest.version, guest.bytes, guest.way) == ("m", 1, 100 * _KIB, "model")
    assert guest.digest == f"sha256:{served.digest}"
    annex.listings.clear()
    annex.publish()
    annex.turn(1.0)
    annex.guests._hand.submit(lambda: None).result()
    assert guest_book.read(annex.room.places.guests) == []


def test_what_is_used_is_not_the_first_to_leave_the_store(annex: _Annex) -> None:
    """When it is loaded, and while it is asked for."""
    old, new = annex.add(1), annex.add(2)
    assert annex.room.store.surplus(1, {new.digest}) == [old.digest]
    annex.bring(1)
    assert annex.room.store.surplus(1, set())[0] == new.digest


def test_only_so_many_wait(annex: _Annex) -> None:
    """Each holds its request in memory."""
    annex.add(4, phase=Phase.UNKNOWN)
    for _ in range(1024):
        annex.ask(4)
    with pytest.raises(Unavailable, match="Too many calls"):
        annex.ask(4)
