"""One fetch or trial at a time, in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from cuelight.kit.log import Log
from cuelight.registry.model import VersionId
from cuelight.serving.host.facts import Fact, Phase


@dataclass(frozen=True)
class Found:
    """What an errand found out about a version, and what that rests on."""

    version: VersionId
    fact: Fact
    basis: str


class Errand:
    """What the follower has done for it; `wake` is called when it is done."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._log = Log("serving.follower")
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="preparation")
        self._future: Future[Fact] | None = None
        self._basis = ""
        self.sentence = ""
        self.version: VersionId | None = None

    def begin(self, sentence: str, version: VersionId, basis: str, work: Callable[[], Fact]) -> None:
        """Do `work` for a version, which `sentence` describes."""
        self.sentence, self.version, self._basis = sentence, version, basis
        self._future = self._threads.submit(work)
        self._future.add_done_callback(lambda _: self._wake())

    def collect(self, now: float) -> Found | None:
        """What it found, once it is done."""
        future, version = self._future, self.version
        if future is None or version is None or not future.done():
            return None
        self.sentence, self.version, self._future = "", None, None
        try:
            fact = future.result()
        except Exception as error:  # noqa: BLE001  an unforeseen fault refuses one version, not the follower
            self._log.exception("preparation-failed", error)
            reason = f"Preparing it failed unexpectedly ({type(error).__name__}); see the follower's log."
            fact = Fact(Phase.REFUSED, reason=reason, retry_at=now)
        return Found(version, fact, self._basis)

    def wait(self) -> None:
        """Until what is under way is done."""
        if self._future:
            self._future.exception()

    def stop(self) -> None:
        """Begin nothing more; what is under way is left to its own time-out."""
        self._threads.shutdown(wait=False, cancel_futures=True)
