"""A loop that ticks: every tick returns one sentence, which is logged when it changes."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable

from cuelight.kit.clock import Clock, SystemClock
from cuelight.kit.errors import CuelightError
from cuelight.kit.log import Log

_PAUSE_SECONDS = 1.0  # where the interval itself can't be had


class Loop:
    """Call `tick` until stopped, `interval()` seconds apart and jittered by up to `jitter` of it.

    A tick that raises is logged, once while it fails alike, and tried again: a loop ends by `stop` alone.
    """

    def __init__(
        self,
        tick: Callable[[], str],
        interval: Callable[[], float],
        log: Log,
        clock: Clock | None = None,
        jitter: float = 0.1,
    ) -> None:
        self._tick = tick
        self._interval = interval
        self._log = log
        self._clock = clock or SystemClock()
        self._jitter = jitter
        self._stopped = threading.Event()
        self._last = ""

    def stop(self) -> None:
        """End the loop after the tick that is running."""
        self._stopped.set()

    def stop_on_signals(self) -> None:
        """Stop on SIGTERM and SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())

    def run(self) -> None:
        """Tick until `stop`."""
        while not self._stopped.is_set():
            self.turn()
            self._clock.wait(self._stopped, self._pause())

    def _pause(self) -> float:
        spread = 1.0 + self._jitter * (2.0 * random.random() - 1.0)  # noqa: S311  jitter, no secret
        try:
            return max(0.0, self._interval() * spread)
        except Exception as error:  # noqa: BLE001  as in `turn`
            self._log.exception("interval-failed", error)
            return _PAUSE_SECONDS

    def turn(self) -> str:
        """One tick and its sentence; a failure is a sentence too."""
        try:
            sentence = self._tick()
        except Exception as error:  # noqa: BLE001  the loop must outlive whatever one tick meets
            # Not an OSError's whole text: the name of a temporary file in it would be news each time.
            what = error.strerror if isinstance(error, OSError) and error.strerror else error
            sentence = f"tick failed: {type(error).__name__}: {what}"
            if sentence != self._last:
                self._complain(error)
            self._last = sentence
        if sentence and sentence != self._last:
            self._log.info("tick", sentence)
        self._last = sentence
        return sentence

    def _complain(self, error: Exception) -> None:
        """What was foreseen says all in its text; of the rest it is told where it came from."""
        if isinstance(error, CuelightError):
            self._log.warning("tick-failed", str(error))
        else:
            self._log.exception("tick-failed", error)
