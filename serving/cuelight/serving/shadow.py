"""Shadow traffic: what the version in Staging would have answered, for nobody but the journal.

Requests are taken up after their answers have left, in a thread of its own at low priority, from a queue that is
bounded in calls and bytes: what does not fit is dropped and counted, so that it never holds up an answer.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from msgspec import structs

from cuelight.journal.record import CHAMPION
from cuelight.kit.log import Log
from cuelight.registry.model import Track
from cuelight.registry.traffic import Traffic
from cuelight.serving.assignment import is_mirrored
from cuelight.serving.call import Call
from cuelight.serving.scoring import Outcome

_MOST_CALLS, _MOST_BYTES, _AT_ONCE = 1024, 1 << 24, 64
_NICENESS = 10
_log = Log("serving.shadow")


def mirrored(call: Call, outcome: Outcome, traffic: Traffic | None) -> Call | None:
    """The call that asks Staging the same, where this one is among the share that is mirrored."""
    record = outcome.record
    if traffic is None or record.arm != CHAMPION or record.status != 200:
        return None
    if not is_mirrored(record.model, record.prediction_id, traffic.shadow):
        return None
    asked = replace(call.asked, model=record.model, track=Track.STAGING.value, version="", alias="", timeout_ms="")
    return structs.replace(call, asked=asked, mirrors=record.prediction_id)


class Shadow:
    """Hands mirrored calls to `answer`, a batch at a time; `dropped` is told how many did not fit."""

    def __init__(self, answer: Callable[[Sequence[Call]], object], dropped: Callable[[int], None]) -> None:
        self._answer = answer
        self._dropped = dropped
        self._calls: deque[Call] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self._offered = threading.Event()
        self._started = False

    def offer(self, calls: Sequence[Call]) -> None:
        """Take calls whose answers have left, as many as fit."""
        taken = 0
        with self._lock:
            for call in calls:
                if len(self._calls) >= _MOST_CALLS or self._bytes + len(call.body) > _MOST_BYTES:
                    break
                self._calls.append(call)
                self._bytes += len(call.body)
                taken += 1
            if not self._started:
                self._started = True
                threading.Thread(target=self._run, name="shadow", daemon=True).start()
        self._offered.set()
        if taken < len(calls):
            self._dropped(len(calls) - taken)

    def _take(self) -> list[Call]:
        with self._lock:
            batch = [self._calls.popleft() for _ in range(min(_AT_ONCE, len(self._calls)))]
            self._bytes -= sum(len(each.body) for each in batch)
            if not self._calls:
                self._offered.clear()
        now = time.monotonic()
        return [structs.replace(each, arrived=now, deadline=float("inf")) for each in batch]

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # Linux gives each thread a niceness of its own
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        while True:
            self._offered.wait()
            try:
                self._answer(self._take())
            except Exception as error:  # noqa: BLE001  this thread must outlive whatever one batch meets
                _log.exception("shadow-failed", error)
