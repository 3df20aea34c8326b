"""Calls whose answers nobody waits for: taken up after the answers to callers have left, in a thread of their own.

They come from a queue that is bounded in calls and bytes: what does not fit is dropped and counted, so that it never
holds up an answer.

The thread shares the interpreter with the one that answers callers, and whoever waits for the interpreter waits for
both. So it works a little at a time, and rests (`Courtesy`). A low priority would be worse than none: a thread that
has the interpreter and waits for a processor holds up everybody.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec import structs

from cuelight.kit.log import Log
from cuelight.serving.answering.call import Call

_MOST_CALLS, _MOST_BYTES, _AT_ONCE = 1024, 1 << 24, 64
_GATHER_SECONDS = 0.05  # for company: calls that are predicted together cost a third of what they cost alone
_SLICE_SECONDS = 0.0003  # about as long as a caller may have to wait for it
_MOST_RESTS, _LONGEST_REST = 100.0, 0.25
_log = Log("serving.unheard")


@dataclass
class Courtesy:
    """How many calls are taken at once, and how long the rest after them is, as a multiple of what they took. Pure.

    While callers are answered all the time, it comes down to a hundredth of the time; while few are, it is half.
    """

    calls: int = 1
    rests: float = 1.0

    def learn(self, calls: int, seconds: float, crowded: bool) -> None:
        """So many calls took so much of a processor; `crowded`: callers were answered meanwhile or right after."""
        self.calls = min(_AT_ONCE, int(calls * _SLICE_SECONDS / max(seconds, 1e-6)) + 1)
        self.rests = min(_MOST_RESTS, 2 * self.rests) if crowded else max(1.0, self.rests / 2)

    def rest(self, seconds: float) -> float:
        """How long to rest after so long."""
        return min(_LONGEST_REST, self.rests * seconds)


class Unheard:
    """Hands calls to `answer`, some at a time, and rests; `dropped` is told how many did not fit.

    Without `rests` it hands over what there is, and `answer` sees to its own rests. `name` is for logs.
    """

    def __init__(
        self, name: str, answer: Callable[[Sequence[Call]], object], dropped: Callable[[int], None], rests: bool = True
    ) -> None:
        self._name = name
        self._answer = answer
        self._dropped = dropped
        self._rests = rests
        self._calls: deque[Call] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self._offered = threading.Event()
        self._started = False
        self._next_offer = 0.0  # when the first one came since this was set to infinity

    def offer(self, calls: Sequence[Call]) -> None:
        """Take calls whose answers have left, as many as fit."""
        taken, now = 0, time.monotonic()
        with self._lock:
            self._next_offer = min(self._next_offer, now)
            for call in calls:
                if len(self._calls) >= _MOST_CALLS or self._bytes + len(call.body) > _MOST_BYTES:
                    break
                self._calls.append(call)
                self._bytes += len(call.body)
                taken += 1
            if not self._started:
                self._started = True
                threading.Thread(target=self._run, name=self._name, daemon=True).start()
        self._offered.set()
        if taken < len(calls):
            self._dropped(len(calls) - taken)

    def _take(self, most: int) -> list[Call]:
        with self._lock:
            batch = [self._calls.popleft() for _ in range(min(most, len(self._calls)))]
            self._bytes -= sum(len(each.body) for each in batch)
            if not self._calls:
                self._offered.clear()
            self._next_offer = float("inf")
        now = time.monotonic()
        return [structs.replace(each, arrived=now, deadline=float("inf")) for each in batch]

    def _run(self) -> None:
        courtesy = Courtesy()
        while True:
            self._offered.wait()
            if self._rests:
                self._work_and_rest(courtesy)
            else:
                self._work(_AT_ONCE)

    def _work_and_rest(self, courtesy: Courtesy) -> None:
        if len(self._calls) < courtesy.calls:
            time.sleep(_GATHER_SECONDS)
        began, used = time.monotonic(), time.thread_time()
        calls = self._work(courtesy.calls)
        took, used = time.monotonic() - began, time.thread_time() - used
        time.sleep(courtesy.rest(took))
        courtesy.learn(calls, used, crowded=self._next_offer < began + 2 * took)

    def _work(self, most: int) -> int:
        """Have so many calls answered; how many there were."""
        calls = self._take(most)
        try:
            self._answer(calls)
        except Exception as error:  # noqa: BLE001  this thread must outlive whatever one batch meets
            _log.fault(f"{self._name}-failed", error)
        return len(calls)
