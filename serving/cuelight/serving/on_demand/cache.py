"""Which versions may stay in memory, of those that are loaded when somebody asks for them. Pure: the time is given.

Least recently used first, within a budget of bytes. One in use stays, and so does one that has just come: to load it
for nothing, over and over, would be all work and no answers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass

_LEAST_STAY_SECONDS = 1.0
_STAY_PER_LOAD = 2.0  # a version stays for at least twice as long as it took to load
_ASK_AGAIN_SECONDS = 1.0  # how long those in use will be used for isn't known
_MOST_OVERHEAD = 4  # a quarter of the budget


@dataclass(frozen=True)
class Stay:
    """A version in memory: bytes, when it came, until when it may not be sent away, and when it was last used (s)."""

    size: int
    since: float
    until: float
    used: float


@dataclass(frozen=True)
class Room:
    """Who has to leave for a version to fit; or, as it would not fit even so, when to ask again (`inf`: never)."""

    leaving: tuple[str, ...] = ()
    ask_again: float = 0.0

    @property
    def is_there(self) -> bool:
        """Whether it fits once those have left."""
        return not self.ask_again


class Cache:
    """The account of what is in memory, by digest, within `budget` bytes.

    `overhead`: bytes that the process has grown by beside them: what the allocator keeps, what its work takes. It
    counts, but never for more than a quarter of the budget: that which is not theirs must not drive out all versions;
    and one that fits into the budget by itself is not kept out by it.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.overhead = 0
        self._stays: dict[str, Stay] = {}

    @property
    def stays(self) -> dict[str, Stay]:
        """What is in memory, in the order in which it came."""
        return dict(self._stays)

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return sum(each.size for each in self._stays.values())

    def use(self, digest: str, now: float) -> None:
        """It was asked for just now."""
        stay = self._stays[digest]
        self._stays[digest] = Stay(stay.size, stay.since, stay.until, now)

    def room(self, size: int, now: float, in_use: Set[str]) -> Room:
        """How a version that needs `size` bytes while it loads gets them, without touching those `in_use`.

        For 0 bytes: who has to leave because the budget is exceeded already.
        """
        if size > self.budget:
            return Room(ask_again=math.inf)
        most = self.budget - min(self.overhead, self.budget // _MOST_OVERHEAD)
        most = max(most, size, *(stay.size for stay in self._stays.values()))
        free = most - self.size
        oldest = sorted(self._stays.items(), key=lambda item: item[1].used)
        idle = [(digest, stay) for digest, stay in oldest if digest not in in_use]
        leaving = list(_enough(((digest, stay) for digest, stay in idle if stay.until <= now), size - free))
        if free + sum(self._stays[digest].size for digest in leaving) >= size:
            return Room(leaving=tuple(self._spared(leaving, size - free)))
        sooner = sorted(idle, key=lambda item: item[1].until)
        last = list(_enough(sooner, size - free))
        if free + sum(self._stays[digest].size for digest in last) >= size:
            return Room(ask_again=max(self._stays[digest].until for digest in last))
        return Room(ask_again=now + _ASK_AGAIN_SECONDS)

    def _spared(self, leaving: Iterable[str], needed: int) -> Iterator[str]:
        """Without those that need not leave after all, as a larger one leaves too; the last used is spared first."""
        chosen = list(leaving)
        spare = sum(self._stays[digest].size for digest in chosen) - needed
        for digest in reversed(chosen):
            size = self._stays[digest].size
            if size <= spare:
                spare -= size
            else:
                yield digest

    def admit(self, digest: str, size: int, load_seconds: float, now: float) -> None:
        """It is in memory now, and takes `size` bytes."""
        stay = max(_LEAST_STAY_SECONDS, _STAY_PER_LOAD * load_seconds)
        self._stays[digest] = Stay(size, now, now + stay, now)

    def remove(self, digest: str) -> None:
        """It is no longer in memory, or no longer on this account."""
        self._stays.pop(digest, None)


def _enough(stays: Iterable[tuple[str, Stay]], needed: int) -> Iterator[str]:
    """The first of them, as many as it takes to gain `needed` bytes."""
    for digest, stay in stays:
        if needed <= 0:
            return
        needed -= stay.size
        yield digest
