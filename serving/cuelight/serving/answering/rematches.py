"""Requests asked anew of the two versions that are held against each other: which of them does worse?

Whoever asked first has his answer; neither the journal nor the counters of requests know of it. Both versions get the
same request, in turns, in an order drawn by lot. So, if neither is worse, each comes off worse as often as the other:
whoever the caller is and how much he asks, whatever moment it is, and however callers are shared. What was badly
answered is asked anew, and now and then something else.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from itertools import islice

from msgspec import structs

from cuelight.serving.answering.assignment import is_first
from cuelight.serving.answering.call import Call, Party
from cuelight.serving.answering.outcome import Outcome
from cuelight.serving.answering.unheard import Unheard
from cuelight.serving.host.deployment import Deployment

_ROUNDS = 3  # chance shows, and a first answer, from cold caches, is no measure of time
_RATIO, _LEAST_SECONDS = 1.5, 0.001  # how much longer an answer takes before anybody should mind
_REST_FACTOR = 3  # times what a rematch took: a quarter of a thread's time at most
_SAMPLE_SECONDS, _SAMPLE_FACTOR = 0.25, 9  # a tenth of it for what was well answered
_SOON = 10.0  # a sample that waits for so long behind others may be joined by another
_FAULT = 500


class Result(StrEnum):
    """What a rematch shows of a version."""

    WORSE = "worse"
    SLOWER = "slower"
    EVEN = "even"
    NEITHER = "neither"


def judge(rounds: Iterable[tuple[float | None, float | None]]) -> tuple[Result, int] | None:
    """What came of a rematch, and of which of the two (0 or 1) it is to be said; None where too few rounds came.

    Each round has what both took, in seconds; None: the answer was bad. No more rounds are taken than it needs.
    """
    times = []
    for one, two in islice(rounds, _ROUNDS):
        if one is None or two is None:
            return (Result.NEITHER, 0) if one is two else (Result.WORSE, int(two is None))
        times.append((one, two))
    if len(times) < _ROUNDS:
        return None
    first, second = (statistics.median(each) for each in zip(*times, strict=True))
    quick, slow = min(first, second), max(first, second)
    if slow >= _RATIO * quick and slow - quick >= _LEAST_SECONDS:
        return Result.SLOWER, int(second > first)
    return Result.EVEN, 0


def rest(seconds: float) -> float:
    """How many seconds to do nothing after a rematch that took so many."""
    return _REST_FACTOR * seconds


def until_sample(seconds: float) -> float:
    """How many seconds no request is asked anew that was well answered, after a rematch that took so many."""
    return max(_SAMPLE_SECONDS, _SAMPLE_FACTOR * seconds)


def is_bad(outcome: Outcome) -> bool:
    """Whether the version failed, or answered with what is no prediction."""
    return outcome.record.status == _FAULT or outcome.invalid


def arrange(call: Call, outcome: Outcome, deployment: Deployment) -> Call | None:
    """The call to be asked anew, with both sides; None where the version that answered is held against nobody."""
    record = outcome.record
    beside = deployment.beside(record.model, record.arm)
    if beside is None or beside[0].id.version == record.version:
        return None
    rival, arm = beside
    mine = Party(record.model, record.version, record.track, record.arm)
    sides = mine, Party(record.model, rival.id.version, record.track, arm)
    return structs.replace(call, mirrors=record.prediction_id, sides=sides)


class Rematches:
    """Asks anew, in a thread of its own: by `answer`, and tells `count` what came of it, and for whom."""

    def __init__(self, answer: Callable[[Call], Outcome], count: Callable[[Party, Result], None]) -> None:
        self._answer = answer
        self._count = count
        self._queue = Unheard("rematch", self._play_all, lambda _: None, rests=False)
        self._sample_due = 0.0

    def offer(self, calls: Sequence[Call], outcomes: Sequence[Outcome], deployment: Deployment) -> None:
        """Take what was badly answered, and one of the others if it is time for that."""
        for call, outcome in zip(calls, outcomes, strict=True):
            sample = outcome.record.status == 200 and time.monotonic() >= self._sample_due
            if (sample or is_bad(outcome)) and (again := arrange(call, outcome, deployment)):
                self._sample_due = time.monotonic() + _SOON if sample else self._sample_due
                self._queue.offer([again])

    def _play_all(self, calls: Sequence[Call]) -> None:
        for call in calls:
            began = time.monotonic()
            self.play(call)
            ended = time.monotonic()
            self._sample_due = ended + until_sample(ended - began)
            time.sleep(rest(ended - began))

    def play(self, call: Call) -> None:
        """Ask both sides, and count what came of it; nothing where one of them is gone."""
        found = judge(self._rounds(call))
        if found:
            result, whose = found
            self._count(call.sides[whose], result)

    def _rounds(self, call: Call) -> Iterator[tuple[float | None, float | None]]:
        model, *_ = call.sides[0]
        order = (0, 1) if is_first(model, call.mirrors) else (1, 0)
        while True:
            took: list[float | None] = [None, None]
            for place in order:
                outcome, seconds = self._ask(call, call.sides[place])
                if is_bad(outcome):
                    continue
                if outcome.record.status != 200:
                    return
                took[place] = seconds
            yield took[0], took[1]

    def _ask(self, call: Call, side: Party) -> tuple[Outcome, float]:
        asked = replace(call.asked, model=side.model, track="", version=str(side.version), alias="", timeout_ms="")
        began = time.monotonic()
        outcome = self._answer(structs.replace(call, asked=asked, arrived=began, deadline=float("inf")))
        return outcome, time.monotonic() - began
