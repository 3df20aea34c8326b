"""Brings the edits that people make in MLflow as they make them, where MLflow tells them (`registry/mlflow_app`).

It is a shortcut. The watcher reads the registry as often as ever, and finds whatever the herald does not bring.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from cuelight.kit.clock import Clock, SystemClock
from cuelight.kit.errors import CuelightError
from cuelight.kit.log import Log
from cuelight.kit.loop import Loop
from cuelight.registry.edit_feed import LONGEST_WAIT, Feed
from cuelight.registry.edits import Edit
from cuelight.registry.rest import NoSuchPath
from cuelight.serving.following.setbacks import Setbacks

_MOST = 1000
_GATHER_SECONDS = 0.2  # what comes in a crowd is fetched together
_REST_SECONDS, _LONGEST_REST_SECONDS, _RARELY_SECONDS = 1.0, 30.0, 600.0


class Herald:
    """Polls `feed` in a thread of its own, `rest` seconds after each answer, and remembers the newest edits."""

    def __init__(self, feed: Feed, clock: Clock | None = None) -> None:
        self._feed = feed
        self._clock = clock or SystemClock()
        self._edits: deque[Edit] = deque(maxlen=_MOST)
        self._news = threading.Condition()
        self._newest = 0
        self._met = self._listening = False
        self._setbacks = Setbacks[str](_REST_SECONDS, _LONGEST_REST_SECONDS)
        self.rest = 0.0
        self._arrived: Callable[[], None] = lambda: None
        self._loop = Loop(self.ask, lambda: self.rest, Log("serving.herald"), clock)

    def start(self, arrived: Callable[[], None]) -> None:
        """Ask from now on, and call `arrived` whenever edits came in."""
        self._arrived = arrived
        threading.Thread(target=self._loop.run, name="herald", daemon=True).start()

    def stop(self) -> None:
        """Ask no more; a question that is under way gets its answer, which nobody hears."""
        self._loop.stop()

    def ask(self) -> str:
        """One question and its answer; the sentence says how it went."""
        self.rest, began = _REST_SECONDS, self._clock.monotonic()
        wait = LONGEST_WAIT if self._met else 0.0
        try:
            edits, self._newest = self._feed.read(self._newest, wait)
        except NoSuchPath:
            return self._deaf(_RARELY_SECONDS, "MLflow does not tell who edits models: edits are found by reading it.")
        except CuelightError as error:
            return self._deaf(self._setbacks.add(""), f"No word of edits: {error} They are found by reading it.")
        self._setbacks.clear("")
        self._keep(edits)
        if edits or self._clock.monotonic() - began >= wait / 2:  # else it did not wait: it is about to stop
            self.rest = _GATHER_SECONDS
        return "MLflow tells edits of models as they are made."

    def find(self, wanted: Callable[[Sequence[Edit]], Edit | None], seconds: float) -> Edit | None:
        """What `wanted` picks of the newest edits, oldest first; waits for it where edits are told."""
        with self._news:
            self._news.wait_for(lambda: not self._listening or wanted(self._edits), seconds)
            return wanted(self._edits)

    def _keep(self, edits: Sequence[Edit]) -> None:
        with self._news:
            self._edits.extend(edits)
            self._met = self._listening = True
            self._news.notify_all()
        if edits:
            self._arrived()

    def _deaf(self, rest: float, sentence: str) -> str:
        self.rest = rest
        with self._news:
            self._listening = False
            self._news.notify_all()
        return sentence
