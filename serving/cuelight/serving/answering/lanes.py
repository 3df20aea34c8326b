"""Who waits where, and who is refused. Pure: the time is given, and others do the work.

Quick work is the loop's own, a turn's worth at a time. A version whose calls take longer has a lane of its own, and
every version has one for its big bodies, and one for those that came compressed; a lane has one thread at a time, and
lanes take turns at the threads: neither holds up the loop, small calls of the same version, or another version.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from cuelight.kit.errors import DeadlineExceeded, Unavailable
from cuelight.serving.answering.call import Call
from cuelight.serving.answering.outcome import Work
from cuelight.serving.answering.pace import Pace

SMALL = 1 << 16  # bytes; a larger body, or one that is compressed, is big
TURN_SECONDS = 0.005  # what the loop works off before it listens again, and the most that one call of it may take
_BEFORE_SECONDS = 0.1  # who would have more before him on the loop waits aside, not to hold up other versions' callers
_FEW = 4  # calls to a turn: aside, more of them are predicted together than that
_REFUSAL_SECONDS = 0.0002  # what an answer takes for which nothing is predicted
_MOST_TOGETHER = 512
_SLICE_SECONDS = 0.25  # how long a lane has a thread, where it predicts call by call


Key: TypeAlias = tuple[str, bool, bool]  # a lane: the version's digest; for big bodies; for compressed ones


@dataclass(frozen=True, slots=True)
class Kind:
    """What matters here of the version that a call is for.

    `together`: it predicts several calls at once. `seconds`: what a predict took in the trial; `byte_seconds`: what
    each byte of a larger body added.
    """

    digest: str
    together: bool = True
    seconds: float = 0.0
    byte_seconds: float = 0.0


@dataclass(eq=False, slots=True)
class Ticket:
    """A call that waits for its answer; `whose` is who gets it."""

    whose: Any
    call: Call
    kind: Kind | None = None
    _settled: threading.Lock = field(default_factory=threading.Lock)

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return len(self.call.body)

    def settle(self) -> bool:
        """True for the first who asks, in whichever thread: that one answers the call, nobody else."""
        return self._settled.acquire(blocking=False)

    @property
    def settled(self) -> bool:
        """Whether somebody answers it already."""
        return self._settled.locked()


class Lane:
    """The calls that wait for one version, or for the turn of its big or compressed bodies."""

    def __init__(self, pace: Pace, together: bool) -> None:
        self.pace, self.together = pace, together
        self.waiting: deque[Ticket] = deque()
        self.size = 0  # bytes that wait
        self.ends = 0.0  # when what runs should be done; 0: nothing runs

    def add(self, ticket: Ticket) -> None:
        """Let a call wait."""
        self.waiting.append(ticket)
        self.size += ticket.size

    def forget_settled(self) -> None:
        """Those who have their answer don't wait."""
        self.waiting = deque(each for each in self.waiting if not each.settled)
        self.size = sum(each.size for each in self.waiting)

    def work(self, more: int = 0, size: int = 0) -> float:
        """Seconds that what waits will take, with `more` calls of `size` bytes in all."""
        calls = len(self.waiting) + more
        return self.pace.expect(min(calls, 1) if self.together else calls, self.size + size)

    def left(self, now: float) -> float:
        """Seconds until what runs should be done; what has overrun is taken to go on for as long again."""
        return abs(self.ends - now) if self.ends else 0.0

    def take(self, now: float) -> list[Ticket]:
        """What runs next: all that can be predicted together, else a slice's worth, one after the other."""
        batch: list[Ticket] = []
        self.ends = now
        while self.waiting and len(batch) < _MOST_TOGETHER:
            ticket = self.waiting[0]
            predicts = 0 if self.together and batch else 1
            ends = self.ends + self.pace.expect(predicts, ticket.size)
            if batch and not self.together and ends > now + _SLICE_SECONDS:
                break
            batch.append(self.waiting.popleft())
            self.size -= ticket.size
            self.ends = ends
        return batch


class Lanes:
    """The lanes of one worker, which has `threads` for them; nobody waits longer than `longest` seconds to begin."""

    def __init__(self, threads: int, longest: float) -> None:
        self._threads, self._longest = threads, longest
        self._paces: dict[tuple[str, bool], Pace] = {}  # by digest, and whether bodies come compressed
        self._here: deque[tuple[Ticket, float]] = deque()  # each with what it adds to the loop's work, in seconds
        self._before = 0.0  # seconds of work on the loop
        self._lanes: dict[Key, Lane] = {}
        self._ready: deque[Key] = deque()  # lanes that wait for a thread
        self._running = 0
        self._aside: set[Ticket] = set()
        self._soonest = math.inf  # no deadline of a call aside is before this

    def enter(self, ticket: Ticket, now: float) -> bool:
        """Take a call in; True: it waits aside, for a thread; False: for the loop's next turn.

        Raises:
            Unavailable: it would wait too long; `retry_after` is how long.
            DeadlineExceeded: it would miss its deadline.
        """
        kind, call = ticket.kind, ticket.call
        if kind is None or call.fault:
            self._stay(ticket, _REFUSAL_SECONDS)
            return False
        packed = bool(call.asked.encoding)
        pace = self._pace(kind, packed)
        big = packed or ticket.size > SMALL
        key = kind.digest, big, packed
        if not big and self._fits_here(pace.expect(1, ticket.size), kind.together, key in self._lanes):
            self._stay(ticket, pace.expect(0 if kind.together else 1, ticket.size))
            return False
        lane = self._lanes.get(key) or Lane(pace, kind.together and not big)
        self._refuse_late(lane, ticket, now)
        self._lanes[key] = lane
        if not lane.waiting and not lane.ends:
            self._ready.append(key)
        lane.add(ticket)
        self._aside.add(ticket)
        self._soonest = min(self._soonest, call.deadline)
        return True

    def _fits_here(self, alone: float, together: bool, has_lane: bool) -> bool:
        """Whether a call that takes so long is the loop's work."""
        if together and alone * _FEW > TURN_SECONDS and (has_lane or self._before > TURN_SECONDS):
            return False
        return alone <= TURN_SECONDS and self._before < _BEFORE_SECONDS

    def _stay(self, ticket: Ticket, seconds: float) -> None:
        self._here.append((ticket, seconds))
        self._before += seconds

    def _pace(self, kind: Kind, packed: bool = False) -> Pace:
        key = kind.digest, packed
        pace = self._paces.get(key)
        if pace is None:
            pace = self._paces[key] = Pace(kind.seconds, kind.byte_seconds)
        return pace

    def _refuse_late(self, lane: Lane, ticket: Ticket, now: float) -> None:
        alone = lane.pace.expect(1, ticket.size)
        wait = self._left(lane, now) + lane.work(1, ticket.size) - alone
        if wait <= 0:  # an idle lane always tries: what is thought of its pace may be out of date
            return
        if wait > self._longest:
            raise Unavailable(f"This version is busy for about {wait:.1f} s: try again after Retry-After.", wait)
        if now + wait + alone > ticket.call.deadline:
            raise DeadlineExceeded("The answer would not be there by the request's deadline: the version is busy.")

    def _left(self, lane: Lane, now: float) -> float:
        if lane.ends or self._running < self._threads:
            return lane.left(now)
        ahead = sum(each.left(now) + each.work() for each in self._lanes.values())
        return ahead / self._threads

    def turn(self) -> list[Ticket]:
        """What the loop does next."""
        turn: list[Ticket] = []
        seen: set[str] = set()
        spent = 0.0
        here = self._here
        while here:
            ticket, seconds = here[0]
            kind = ticket.kind
            if kind is None or ticket.call.fault:
                spent += _REFUSAL_SECONDS
            else:
                predicts = 0 if kind.together and kind.digest in seen else 1
                spent += self._pace(kind).expect(predicts, ticket.size)
                seen.add(kind.digest)
            if turn and spent > TURN_SECONDS:
                break
            here.popleft()
            self._before = self._before - seconds if here else 0.0
            turn.append(ticket)
        return turn

    @property
    def more(self) -> bool:
        """Whether the loop has work left for another turn."""
        return bool(self._here)

    def start(self, now: float) -> list[tuple[Key, list[list[Ticket]]]]:
        """What free threads take up now: for each lane, the calls to predict together, batch by batch.

        `done` says that one batch is, `finish` that a lane's last one is.
        """
        started = []
        while self._ready and self._running < self._threads:
            key = self._ready.popleft()
            lane = self._lanes[key]
            taken = lane.take(now)
            if taken:
                self._running += 1
                started.append((key, [taken] if lane.together else [[each] for each in taken]))
            else:
                self._rest(key)
        return started

    def done(self, batch: Iterable[Ticket]) -> list[Ticket]:
        """A batch is done; those of it that were not late."""
        left = [each for each in batch if each in self._aside]
        self._aside.difference_update(left)
        return left

    def finish(self, key: Key) -> None:
        """A lane's thread is free."""
        self._running -= 1
        self._rest(key)

    def _rest(self, key: Key) -> None:
        lane = self._lanes[key]
        lane.ends = 0.0
        if lane.waiting:
            self._ready.append(key)
        else:
            del self._lanes[key]

    def learn(self, works: Iterable[Work]) -> None:
        """What was done took so long."""
        for work in works:
            pace = self._paces.get((work.digest, work.packed))
            if pace is not None:
                pace.learn(work.predicts, work.size, work.seconds)

    def expired(self, now: float) -> list[Ticket]:
        """The calls aside whose deadline has passed, to be answered by whoever asks here: their answers are dropped."""
        if now < self._soonest:
            return []
        late = [each for each in self._aside if each.call.deadline <= now and each.settle()]
        self._aside.difference_update(late)
        self._soonest = min((each.call.deadline for each in self._aside if not each.settled), default=math.inf)
        for lane in self._lanes.values() if late else ():
            lane.forget_settled()
        return late

    def seconds_to_deadline(self, now: float) -> float:
        """Until a call aside may be late."""
        return max(0.0, self._soonest - now)

    @property
    def in_use(self) -> frozenset[str]:
        """Digests of the versions that calls wait for, or are predicted by."""
        here = {ticket.kind.digest for ticket, _ in self._here if ticket.kind}
        return frozenset(here.union(key[0] for key in self._lanes))

    @property
    def waiting(self) -> int:
        """Calls aside that no thread has taken up."""
        return sum(len(each.waiting) for each in self._lanes.values())

    @property
    def in_flight(self) -> int:
        """Calls without an answer, here and aside."""
        return len(self._here) + len(self._aside)

    def longest_wait(self, now: float) -> float:
        """Seconds that a call would wait in the longest lane."""
        return max((each.left(now) + each.work() for each in self._lanes.values()), default=0.0)
