"""Whether the workers stand by for what is being prepared: the follower's look at the cue board."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

from cuelight.kit.clock import Clock
from cuelight.kit.log import Log
from cuelight.serving.following.policy import Rehearsal
from cuelight.serving.host import board as cue
from cuelight.serving.host.deployment import Deployment


class Rehearsals:
    """One deployment at a time is rehearsed: all live workers load it, or one can't, or it takes too long.

    A worker silent for `patience` seconds is replaced; `longest` is the time in which all must have loaded it.
    """

    def __init__(self, board: cue.Board, failures: Path, clock: Clock, patience: float, longest: float) -> None:
        self._board = board
        self._failures = failures
        self._clock = clock
        self._patience = patience
        self._longest = longest
        self._log = Log("serving.follower")
        self._since = 0.0
        self.deployment: Deployment | None = None

    def begin(self, deployment: Deployment) -> None:
        """Ask the workers to stand by."""
        self.deployment, self._since = deployment, self._clock.monotonic()
        self._board.prepare(deployment.generation)

    def end(self) -> None:
        """It is committed, or dropped."""
        if self.deployment is not None:
            for path in self._failures.glob(f"{self.deployment.generation}-*.json"):
                path.unlink(missing_ok=True)
        self.deployment = None

    def forget(self) -> None:
        """Remove what an earlier follower's rehearsals left."""
        shutil.rmtree(self._failures, ignore_errors=True)

    def look(self) -> Rehearsal | None:
        """How far it has come; None while nothing is rehearsed."""
        deployment = self.deployment
        if deployment is None:
            return None
        workers = self._board.workers()
        failed = [each for each in workers if each.failed == deployment.generation]
        if failed:
            reason, culprits = self._failure(deployment, failed[0])
            return Rehearsal(deployment, failed=reason, culprits=culprits)
        now = self._clock.monotonic()
        behind = [each for each in workers if each.loaded < deployment.generation]
        silent = [each for each in behind if now - each.beat > self._patience]
        for worker in silent:
            self._replace(worker)
        if behind and now - self._since > self._longest:
            reason = f"{len(behind)} workers did not load it within {self._longest:.0f} s"
            return Rehearsal(deployment, failed=reason)
        return Rehearsal(deployment, waiting=len(behind) - len(silent))

    def _failure(self, deployment: Deployment, worker: cue.Worker) -> tuple[str, frozenset[str]]:
        """Why a worker could not stand by, and the digests that it could not load."""
        path = self._failures / f"{deployment.generation}-{worker.slot}.json"
        try:
            document = json.loads(path.read_text())
            return str(document["reason"]), frozenset(document["digests"])
        except (OSError, ValueError, KeyError, TypeError):
            return "a worker could not load it", frozenset()

    def _replace(self, worker: cue.Worker) -> None:
        """Kill a worker that gives no sign of life: gunicorn starts another, and what it held is never served late."""
        self._log.warning("worker-replaced", "It did not stand by in time.", pid=worker.pid)
        if cue.started(worker.pid) == worker.started:
            os.kill(worker.pid, signal.SIGKILL)
        self._board.dismiss(worker)
