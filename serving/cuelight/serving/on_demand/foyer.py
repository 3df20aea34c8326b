"""The calls that wait for a version which is not in the annex's memory yet."""

from __future__ import annotations

import math
from collections.abc import Callable, Set

from msgspec import Struct, structs

from cuelight.kit.clock import Clock, SystemClock
from cuelight.kit.errors import CuelightError, DeadlineExceeded, Unavailable
from cuelight.serving.answering.call import Call
from cuelight.serving.answering.choice import as_guest
from cuelight.serving.answering.faults import LATE
from cuelight.serving.answering.lanes import Ticket
from cuelight.serving.host.facts import Phase
from cuelight.serving.host.repertoire import ASK_SECONDS, refusal
from cuelight.serving.host.wants import Wants
from cuelight.serving.on_demand.guests import Guests

Key = tuple[str, int]  # a model's name, and a version's number

_MOST = 1024  # calls


class _Prospect(Struct, frozen=True):
    """What is said to those who won't wait for a version any longer, and when it may be there at the earliest.

    Nothing is to be said: they can be answered now.
    """

    excuse: CuelightError | None = None
    earliest: float = math.inf


class Foyer:
    """Who waits for which of the guests, first come, first served; nobody longer than `patience` seconds.

    `arrived` is called, in another thread, when it is time to look.
    """

    def __init__(
        self,
        guests: Guests,
        wants: Wants,
        patience: float,
        arrived: Callable[[], object] = lambda: None,
        clock: Clock | None = None,
    ) -> None:
        self._guests, self._wants, self._patience, self._arrived = guests, wants, patience, arrived
        self._clock = clock or SystemClock()
        self._waiting: dict[Key, list[Ticket]] = {}
        self._asked: dict[Key, float] = {}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def enter(self, ticket: Ticket) -> None:
        """Wait for the version that the call asks for by its number.

        Raises:
            Unavailable: too many wait already.
        """
        if len(self) >= _MOST:
            raise Unavailable("Too many calls wait for versions that are not loaded: try again.")
        asked = ticket.call.asked
        self._waiting.setdefault((asked.model, int(asked.version)), []).append(ticket)

    def look(self, in_use: Set[str]) -> list[Ticket]:
        """Begin the next load, and let those go whose wait is over: without a fault, they can be answered now."""
        now, going = self._clock.monotonic(), list[Ticket]()
        for key, tickets in list(self._waiting.items()):
            prospect, staying = self._prospect(key, now, in_use), list[Ticket]()
            for ticket in tickets:
                if prospect.excuse and max(now, prospect.earliest) < self._until(ticket.call):
                    staying.append(ticket)
                else:
                    going.append(_with(ticket, prospect.excuse, now))
            if staying:
                self._waiting[key] = staying
            else:
                del self._waiting[key]
        return going

    def _until(self, call: Call) -> float:
        return min(call.deadline, call.arrived + self._patience)

    def _prospect(self, key: Key, now: float, in_use: Set[str]) -> _Prospect:
        name, guests = f"{key[0]} version {key[1]}", self._guests
        listing = guests.current().repertoire.find(*key)
        if listing is None or guests.has(listing.digest):  # that there is no such version is an answer too
            return _Prospect()
        if refused := refusal(name, listing, self._clock.now()):
            self._ask(key, now)  # it is looked at again, if something has changed
            return _Prospect(refused)
        if listing.phase != Phase.READY or not guests.is_near(listing.digest):
            self._ask(key, now)
            return _Prospect(Unavailable(f"{name} is being fetched and tried: try again.", ASK_SECONDS), now)
        if failure := guests.failure(listing.digest, now):
            self._ask(key, now)
            return _Prospect(failure)
        if not guests.busy:
            try:
                guests.bring(as_guest(key[0], listing), now, in_use, self._arrived)
            except Unavailable as fault:
                return _Prospect(fault, now + fault.retry_after)
        return _Prospect(Unavailable(f"{name} is being loaded: try again.", guests.load_seconds), now)

    def _ask(self, key: Key, now: float) -> None:
        """Let the follower know."""
        if now - self._asked.get(key, -math.inf) >= ASK_SECONDS:
            self._asked = {each: at for each, at in self._asked.items() if now - at < ASK_SECONDS} | {key: now}
            self._wants.add(*key)


def _with(ticket: Ticket, excuse: CuelightError | None, now: float) -> Ticket:
    call = ticket.call
    if excuse and call.deadline <= now:
        excuse = DeadlineExceeded(LATE)
    return Ticket(ticket.whose, structs.replace(call, fault=excuse)) if excuse else ticket
