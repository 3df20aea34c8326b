"""Reads the registry in a thread of its own, so that a registry that hangs holds nothing else up."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

from cuelight.kit.clock import Clock, SystemClock
from cuelight.kit.errors import CuelightError
from cuelight.kit.log import Log
from cuelight.registry.model import Snapshot
from cuelight.registry.port import Registry

# A sweep's time is mostly the server's CPU; waiting 25 times as long keeps one follower below 4 % of a core.
REST_FACTOR = 25
# The same while somebody edits it: a crowd of edits must not make it sweep without end.
_HURRIED_FACTOR = 4
# What fails after a long wait was too much for the server, and so were all who asked with us: rest as long, and up to
# so many times as long when it fails again and again. What fails at once costs it nothing.
_MOST_FAILURES = 4


@dataclass(frozen=True)
class Reading:
    """One good reading; `number` counts them."""

    number: int
    snapshot: Snapshot
    at: float


class Watcher:
    """Probes every `poll_seconds`; sweeps when the probe moved, when told to, and as often as the registry can bear."""

    def __init__(
        self,
        registry: Registry,
        poll_seconds: float,
        changed: Callable[[], None],
        clock: Clock | None = None,
        expecting: bool = False,
    ) -> None:
        """`expecting`: models are being served, so that a first reading without any is a fault as well."""
        self._registry = registry
        self._poll_seconds = poll_seconds
        self._changed = changed
        self._clock = clock or SystemClock()
        self._log = Log("serving.watcher")
        self._stopped = threading.Event()
        self._hurried = threading.Event()
        self._reading: Reading | None = None
        self._expecting = expecting
        self._probe = ""
        self._sparse = False
        self._sweep_due = self._soonest = 0.0
        self._failures, self._rested = 0, 0.0
        self._heard = self._clock.monotonic()
        self._trouble = ""

    @property
    def latest(self) -> Reading | None:
        """The last good reading, if there was one."""
        return self._reading

    @property
    def unread(self) -> float:
        """For how long (s) the registry has given no good answer."""
        return self._clock.monotonic() - self._heard

    def start(self) -> None:
        """Read from now on."""
        threading.Thread(target=self._run, name="watcher", daemon=True).start()

    def stop(self) -> None:
        """Read no more."""
        self._stopped.set()
        self._hurried.set()

    def hurry(self) -> None:
        """Something was edited: sweep at once, or as soon as the registry can bear it."""
        self._hurried.set()

    def poll(self) -> bool:
        """Probe, and sweep if it is time; True after a good sweep."""
        now = self._clock.monotonic()
        if self._hurried.is_set():
            self._hurried.clear()
            self._sweep_due = min(self._sweep_due, self._soonest)
        if now < self._rested:
            return False
        try:
            if now < self._sweep_due and self._registry.probe() == self._probe:
                self._recover()
                return False
            return self._sweep()
        except CuelightError as error:
            self._complain(str(error))
            self._failures = min(self._failures + 1, _MOST_FAILURES)
            ended = self._clock.monotonic()
            self._rested = ended + self._failures * (ended - now)
            return False

    def _sweep(self) -> bool:
        began = self._clock.monotonic()
        # Before the snapshot, so that a change in between is seen by the next probe; not at all if every poll sweeps.
        probe = self._registry.probe() if self._sparse else ""
        snapshot = self._registry.snapshot()
        ended = self._clock.monotonic()
        if not snapshot.models and self._expecting:
            self._complain("The registry says that it holds no models at all: taken for a fault, nothing is unloaded.")
            return False
        rest = REST_FACTOR * (ended - began)
        self._probe, self._sparse = probe, rest > self._poll_seconds
        self._sweep_due = ended + (rest if self._sparse and probe else 0.0)
        self._soonest = ended + _HURRIED_FACTOR * (ended - began)
        number = self._reading.number + 1 if self._reading else 1
        self._reading = Reading(number, snapshot, self._clock.now())
        self._expecting = bool(snapshot.models)
        self._recover()
        return True

    def _recover(self) -> None:
        self._heard = self._clock.monotonic()
        self._failures = 0
        if self._trouble:
            self._log.info("registry-back", "The registry answers again.")
            self._trouble = ""

    def _complain(self, message: str) -> None:
        if message != self._trouble:
            self._log.warning("registry-unavailable", f"{message} What is served stays.")
        self._trouble = message

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                if self.poll():
                    self._changed()
            except Exception as error:  # noqa: BLE001  this thread must outlive whatever one reading meets
                if repr(error) != self._trouble:
                    self._log.exception("poll-failed", error)
                self._trouble = repr(error)
            self._hurried.wait(self._pause())

    def _pause(self) -> float:
        """Seconds until the next poll, or the next sweep if that is sooner."""
        pause = self._poll_seconds * (0.9 + 0.2 * random.random())  # noqa: S311  jitter, no secret
        due = self._sweep_due - self._clock.monotonic()
        return min(pause, due) if due > 0.0 else pause
