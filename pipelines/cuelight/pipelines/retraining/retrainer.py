"""Retraining: one open request, taken under a lease, from fresh labelled rows to a challenger in Staging."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from cuelight.journal.query import Journal
from cuelight.kit.errors import CuelightError, RegistryUnavailable, Unavailable
from cuelight.kit.log import Log
from cuelight.kit.settings import Settings
from cuelight.operations.database import Operations
from cuelight.operations.holding import patiently
from cuelight.operations.retraining import FAILED, FINISHED, NOT_ENOUGH, PROMOTED, REJECTED, STAGED, RetrainRequest
from cuelight.pipelines.blame import blamed
from cuelight.pipelines.candidates import champion as champions
from cuelight.pipelines.candidates.register import (
    Commission,
    Trained,
    Unsettled,
    registered,
    settle,
    train_and_register,
    withdraw,
)
from cuelight.pipelines.data import prepare
from cuelight.pipelines.pipeline import TrainingPipeline
from cuelight.pipelines.retraining.fresh import fresh_rows
from cuelight.pipelines.retraining.lessons import NotEnoughLabels, retraining_lesson
from cuelight.pipelines.retraining.recency import Recency
from cuelight.pipelines.retraining.trial_traffic import wanted
from cuelight.pipelines.workshop import Workshop
from cuelight.registry import tags
from cuelight.registry.model import Track

LOST, PUT_OFF = "taken over", "put off"
# A request whose holders keep dying is given up, or it would be taken up for ever.
_MOST_TAKES = 3
_log = Log("retrain")


class TakenOver(CuelightError):
    """Another holder has the request by now: what was done here must not be registered."""


class PutOff(CuelightError):
    """Registry or database were gone at the end: whoever takes the request up next brings it to its end."""


class GivenUp(CuelightError):
    """It was taken up too often."""


@dataclass(frozen=True)
class Outcome:
    """How a request ended; `trained` is None where no version was registered."""

    request: int
    model: str
    outcome: str
    sentence: str
    trained: Trained | None = None


@dataclass(frozen=True)
class Retrainer:
    """Takes requests and carries them out; `find` gives a model's pipeline, `holder` is this process's unique name.

    What it goes by are each model's own `settings`. `log` names the file that its output goes to, for the history.
    """

    workshop: Workshop
    operations: Operations
    journal: Journal
    find: Callable[[str], TrainingPipeline]
    holder: str
    settings: Settings = field(default_factory=Settings)
    log: str = ""

    def run_next(self, model: str | None = None) -> Outcome | None:
        """Carry out the oldest open request (of one model); None if there is none. Failures are outcomes too."""
        request = self.operations.take_retrain(self.holder, self.settings.retrain_lease_seconds, self._now(), model)
        if request is None:
            return None
        try:
            with self._renewed(request):
                outcome = self._carry_out(request)
        except BaseException as error:  # whoever comes next may take it up at once
            if _told_to_stop(error):
                self.operations.give_back_retrain(request, self._now())
            else:
                self.operations.renew_retrain(request, 0.0, self._now())
            raise
        return self._finish(request, outcome)

    def _carry_out(self, request: RetrainRequest) -> Outcome:
        def ended(how: str, sentence: str, trained: Trained | None = None) -> Outcome:
            return Outcome(request.id, request.model, how, sentence, trained)

        try:
            trained = self._resumed(request) if request.token > 1 else self._train(request)
        except PutOff as error:
            return ended(PUT_OFF, str(error))
        except NotEnoughLabels as error:
            return ended(NOT_ENOUGH, str(error))
        except TakenOver as error:
            return ended(LOST, str(error))
        except CuelightError as error:
            return ended(FAILED, str(error))
        except Exception as error:  # noqa: BLE001 - a user's pipeline may raise anything, and the request must end
            _log.exception("retrain-failed", error)
            return ended(FAILED, f"{type(error).__name__}: {error}")
        if not trained.gate.passed:
            return ended(REJECTED, trained.gate.reason, trained)
        if trained.stage == "None":
            return ended(REJECTED, "It passed its gate, but a later version is there by now.", trained)
        return ended(
            PROMOTED if self._target(request.model) == Track.PRODUCTION else STAGED, trained.gate.reason, trained
        )

    def _resumed(self, request: RetrainRequest) -> Trained:
        """What a holder who is gone had registered already, brought to its end; else all anew."""
        try:
            version = registered(self.workshop, request.model, _mark(request))
            self._clear(request)
            if version is not None:
                self._hold(request)
                return settle(self.workshop, version, self._commission(request))
        except RegistryUnavailable as error:
            # It may have a version by now: before that is known, the request must not end.
            raise PutOff(str(error)) from error
        if request.token - request.stops > _MOST_TAKES:
            raise GivenUp(f"It was taken up {_MOST_TAKES} times and never came to an end: look at memory and logs.")
        return self._train(request)

    def _clear(self, request: RetrainRequest) -> None:
        """End the runs that a dead holder left open."""
        experiment = self.find(request.model).training_experiment
        why = f"Its process was ended before it was done; request {request.id} was taken up again."
        self.workshop.tracking.end_runs(experiment, _mark(request), why)

    def _commission(self, request: RetrainRequest) -> Commission:
        return Commission(
            request.reason,
            self._target(request.model),
            mark=_mark(request),
            traffic=wanted(self.settings.of(request.model)),
            still_mine=lambda: self._hold(request),
        )

    def _target(self, model: str) -> Track:
        return Track.PRODUCTION if self.settings.of(model).retrain_promote else Track.STAGING

    def _train(self, request: RetrainRequest) -> Trained:
        pipeline, progress = self.find(request.model), self.workshop.progress
        own = self.settings.of(request.model)
        recency, commission = Recency.of(own), self._commission(request)
        with progress.step(f"Load the champion of {request.model}"):
            version = champions.in_charge(self.workshop, request.model)
            champion = champions.load(self.workshop, version) if version else None
        with progress.step(f"Load the data of {request.model} and its fresh labelled rows"):
            with blamed(f"`load` of pipeline {pipeline.name!r}"):
                frame = pipeline.load()
            base = prepare(pipeline, frame)
            fresh = fresh_rows(self.journal, pipeline, base)
        progress.note(f"{len(fresh):,} fresh rows" + (f", {fresh.unusable:,} unusable" if fresh.unusable else ""))
        if pipeline.group and fresh.groups is None:
            progress.note(
                f"{pipeline.group} is no feature, so the journal lacks it: in the reference rows are independent"
            )
        lesson = retraining_lesson(base, fresh, champion, own.retrain_min_labels, recency)
        try:
            return train_and_register(self.workshop, pipeline, lesson, champion, commission)
        except Unsettled as error:
            raise PutOff(str(error)) from error

    def _hold(self, request: RetrainRequest) -> None:
        seconds = self.settings.retrain_lease_seconds
        try:
            mine = patiently(lambda: self._renew(request), seconds, self.workshop.clock)
        except Unavailable as error:
            raise PutOff(str(error)) from error
        if not mine:
            raise TakenOver(f"Request {request.id} was taken over by another holder; nothing was registered here.")

    def _renew(self, request: RetrainRequest) -> bool:
        return self.operations.renew_retrain(request, self.settings.retrain_lease_seconds, self._now())

    @contextmanager
    def _renewed(self, request: RetrainRequest) -> Iterator[None]:
        """Keep the lease while the block runs."""
        done = threading.Event()

        def renew() -> None:
            while not done.wait(self.settings.retrain_lease_seconds / 3.0):
                try:
                    self._renew(request)
                except Exception as error:  # noqa: BLE001 - tried again at the next turn, and checked before registering
                    _log.warning("lease-not-renewed", str(error), request=request.id)

        thread = threading.Thread(target=renew, name="retrain-lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _finish(self, request: RetrainRequest, outcome: Outcome) -> Outcome:
        if outcome.outcome == PUT_OFF:
            return outcome  # it is taken up again when the lease is over
        detail: dict[str, Any] = {"reason": outcome.sentence, "log": self.log}
        if outcome.trained is not None:
            detail |= {
                "version": outcome.trained.version,
                "run_id": outcome.trained.run_id,
                "run_url": outcome.trained.run_url,
                "figures": dict(outcome.trained.gate.figures),
            }
        if outcome.outcome == LOST or not self._finished(request, outcome.outcome, detail):
            outcome = Outcome(request.id, request.model, LOST, "Another holder took the request over.", outcome.trained)
        self._take_back(request)
        return outcome

    def _finished(self, request: RetrainRequest, outcome: str, detail: dict[str, Any]) -> bool:
        now, seconds = self._now(), self.settings.retrain_lease_seconds  # one moment: the same line is written once
        finish = partial(self.operations.finish_retrain, request, outcome, detail, now)
        return patiently(finish, seconds, self.workshop.clock)

    def _take_back(self, request: RetrainRequest) -> None:
        """Where a request ended without a version none may stay: a holder may have stalled while it registered one.

        It looks after that whether the request has ended, and whoever ends a request looks for versions after that: so
        one of them sees the other.
        """
        ended = self.operations.retrain(request.id)
        if ended.state != FINISHED or ended.detail.get("version") is not None:
            return
        try:
            withdraw(self.workshop, request.model, _mark(request))
        except CuelightError as error:
            _log.warning("version-left", f"A version of request {request.id} may be left in no stage: {error}")

    def _now(self) -> float:
        return self.workshop.clock.now()


def _told_to_stop(error: BaseException) -> bool:
    """Whether it came of Ctrl-C or SIGTERM; a pipeline that calls `sys.exit` has only itself to blame."""
    by_signal = isinstance(error, SystemExit) and error.code == 128 + signal.SIGTERM
    return by_signal or isinstance(error, KeyboardInterrupt)


def _mark(request: RetrainRequest) -> dict[str, str]:
    """Tags by which run and version of a request are known again; another database counts from 1 as well."""
    return {tags.RETRAIN_REQUEST: str(request.id), tags.RETRAIN_ASKED: repr(request.requested_at)}
