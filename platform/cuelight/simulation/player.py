"""The loop in fast time: drift jobs by their schedule, retrainings, gate and promotion, on rows whose labels come late.

All decisions are those of the real loop, by its own functions; here is only who knows what at which moment.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cuelight.kit.errors import CuelightError, Misconfigured
from cuelight.kit.settings import Settings
from cuelight.monitoring.drift.calibration import Calibration
from cuelight.monitoring.drift.calibrations import Calibrations
from cuelight.monitoring.retraining.triggers import Known, decide
from cuelight.monitoring.verdicts.assessment import Case, assess
from cuelight.monitoring.verdicts.lookback import Seen, look_back, nothing_new
from cuelight.monitoring.windows.baseline import Against
from cuelight.monitoring.windows.extent import Extent
from cuelight.operations.retraining import (
    FAILED,
    FINISHED,
    NOT_ENOUGH,
    REJECTED,
    RUNNING,
    STAGED,
    Limits,
    RetrainRequest,
    hindrance,
    last_learned,
)
from cuelight.pipelines.answers import Answers, Array
from cuelight.pipelines.candidates.champion import Champion
from cuelight.pipelines.retraining.lessons import NotEnoughLabels
from cuelight.simulation.records import Judged, Played, Retraining
from cuelight.simulation.stream import Stream
from cuelight.simulation.turns import in_turn, turns
from cuelight.simulation.versions import Trained, Version, joined, put_in_charge, retrain, train_first

_NEVER = float("inf")


@dataclass(frozen=True)
class Plan:
    """How long things take, in seconds.

    Attributes:
        labels_after: from a row to its label.
        retraining_takes: from a request to its end.
        promote_after: from Staging to Production; with the setting `retrain.promote` nobody has to.
        schedule: cron line (UTC) of the drift jobs; empty: the model's setting.
    """

    labels_after: float
    retraining_takes: float = 600.0
    promote_after: float = 0.0
    schedule: str = ""


class _Challenger(NamedTuple):
    """What a retraining made, by its place among all of them; `due`: when it ends, or when it is promoted."""

    place: int
    trained: Trained
    due: float


@dataclass
class _Charge:
    """A version in charge, and the reports on it, newest first."""

    version: Version
    reports: list[Seen] = field(default_factory=list)


def play(stream: Stream, plan: Plan, settings: Settings, tell: Callable[[int, int], None] = lambda *_: None) -> Played:
    """Play a stream to its end; the same stream, plan and settings always come to the same.

    `tell` hears of seconds of the stream that are played, of how many.

    Raises:
        BadInput: no drift job falls into the stream, or too many do.
        Misconfigured: windows are compared with something else than the reference.
        PipelineFault, ModelFault: the first version can't be made, or a version can't answer.
    """
    chosen = settings.of(stream.pipeline.name)
    if chosen.monitoring_against != Against.REFERENCE:
        raise Misconfigured("Only the reference is compared with in fast time: set `monitoring.against` to reference.")
    start, end = float(stream.times[0]), float(stream.times[-1])
    jobs = turns(plan.schedule or chosen.monitoring_schedule, start, end)
    with tempfile.TemporaryDirectory(prefix="cuelight-simulation-") as folder:
        player = _Player(stream, plan, chosen, Calibrations(Path(folder)))
        for moment, is_job in in_turn(jobs, chosen.retrain_schedule, start, end):
            tell(int(moment - start), int(end - start))
            player.carry_on(moment)
            if is_job:
                player.judge(moment)
            else:
                player.take_turn(moment)
        player.carry_on(end)
        return player.played()


class _Player:
    def __init__(self, stream: Stream, plan: Plan, settings: Settings, calibration: Calibration) -> None:
        self._stream, self._plan, self._settings, self._calibration = stream, plan, settings, calibration
        self._extent = Extent.of(settings)
        self._label_times = stream.times + plan.labels_after
        self._judged: list[Judged] = []
        self._retrainings: list[Retraining] = []
        self._made: _Challenger | None = None
        self._staged: _Challenger | None = None
        self._versions = 1
        self._answered: list[Answers] = []
        self._first = train_first(stream)
        self._charge = _Charge(put_in_charge(stream, self._first, 0))
        self._frozen = self._charge.version.answers

    def carry_on(self, now: float) -> None:
        """What ends or begins by itself until now, in the order of time."""
        while True:
            ended = self._made.due if self._made else _NEVER
            promoted = self._staged.due if self._staged else _NEVER
            if min(ended, promoted) > now:
                return
            if promoted <= ended:
                self._promote()
            else:
                self._stage()

    def judge(self, now: float) -> None:
        """The drift job of this moment, unless nothing came since the last one."""
        version, reports = self._charge.version, self._charge.reports
        came, labelled = self._by(self._stream.times, now), self._by(self._label_times, now)
        times, labels = self._stream.times[version.first : came], self._label_times[version.first : labelled]
        part = self._extent.part(times, np.nextafter(now, _NEVER), reports[0].rows_until if reports else None)
        rows_until = float(times[part][-1]) if part.stop > part.start else None
        labels_until = float(labels[-1]) if len(labels) else None
        earlier = look_back(reports, times, labels, rows_until, labels_until)
        if nothing_new(rows_until, earlier):
            return
        rows = version.rows(version.first + part.start, version.first + part.stop)
        known = version.labelled(labelled - max(len(rows), self._settings.monitoring_min_rows), labelled)
        case = Case(version.trained.reference, rows, known, earlier, self._calibration)
        decision = assess(case, self._settings).decision
        reports.insert(0, Seen(decision.verdict.value, decision.signals, rows_until or 0.0, labels_until or 0.0))
        asked = decide(self._known(now, decision.retrain, labelled), self._settings)
        judged = Judged(
            at=now,
            version=version.number,
            first=self._judged[-1].last if self._judged else 0,
            last=came,
            rows=len(rows),
            labelled=len(known),
            verdict=decision.verdict.value,
            reason=decision.reason,
            ask=asked.ask,
            why_not=asked.why_not,
        )
        self._judged.append(judged)
        if asked.ask:
            self._retrain(now, labelled, asked.ask)

    def take_turn(self, now: float) -> None:
        """The turn of a retraining by schedule: asked for whatever the verdict, unless something stands against it."""
        labelled = self._by(self._label_times, now)
        known = replace(self._known(now, "", labelled), turn=now, labels=None, new_labels=0)
        if because := decide(known, self._settings).ask:
            self._retrain(now, labelled, because)

    def played(self) -> Played:
        """All of it, when the stream has ended."""
        version = self._charge.version
        self._answered.append(version.answered(len(self._stream)))
        return Played(
            pipeline=self._stream.pipeline,
            times=self._stream.times,
            loop=joined(self._answered),
            frozen=self._frozen,
            first=self._first.candidate.verdict,
            judged=tuple(self._judged),
            retrainings=tuple(self._retrainings),
        )

    def _known(self, now: float, wish: str, labelled: int) -> Known:
        """What the triggers go by, when the labels of the first `labelled` rows have come."""
        requests = [self._request(place, now) for place in reversed(range(len(self._retrainings)))]
        fresh = self._label_times[self._by(self._stream.times, self._champion.trained_until) : labelled]
        return Known(
            verdict=wish,
            labels=len(fresh),
            new_labels=int((fresh > last_learned(requests)).sum()),
            hindrance=hindrance(requests, Limits.of(self._settings), now, self._waiting(requests)),
        )

    def _waiting(self, requests: list[RetrainRequest]) -> RetrainRequest | None:
        """The request, of all, newest first, whose challenger is in Staging."""
        return requests[-1 - self._staged.place] if self._staged else None

    def _request(self, place: int, now: float) -> RetrainRequest:
        """A retraining as the operations database tells of it at this moment."""
        each, ended = self._retrainings[place], self._retrainings[place].ended_at <= now
        return RetrainRequest(
            id=place + 1,
            model=self._stream.pipeline.name,
            version=each.version,
            reason=each.because,
            evidence={},
            requested_at=each.asked_at,
            state=FINISHED if ended else RUNNING,
            holder="",
            token=1,
            lease_until=each.ended_at,
            taken_at=each.asked_at,
            finished_at=each.ended_at if ended else None,
            outcome=each.outcome if ended else "",
            detail={"version": each.version},
        )

    def _retrain(self, now: float, labelled: int, because: str) -> None:
        """Train at once on what is known now; nobody knows of it before its end."""
        ended, number = now + self._plan.retraining_takes, None
        try:
            trained = retrain(self._stream, labelled, self._champion, self._settings, self._versions + 1)
        except CuelightError as error:
            outcome, sentence = NOT_ENOUGH if isinstance(error, NotEnoughLabels) else FAILED, str(error)
        else:
            gate = trained.candidate.verdict
            outcome, sentence = STAGED if gate.passed else REJECTED, gate.reason
            self._versions = number = trained.number
            if gate.passed:
                self._made = _Challenger(len(self._retrainings), trained, ended)
        self._retrainings.append(Retraining(now, ended, because, labelled, outcome, sentence, number))

    def _stage(self) -> None:
        """A challenger that passed its gate waits for its promotion; one that waited there already gives way."""
        if self._made:
            wait = 0.0 if self._settings.retrain_promote else self._plan.promote_after
            self._staged = self._made._replace(due=self._made.due + wait)
            self._made = None

    def _promote(self) -> None:
        if not self._staged:
            return
        place, trained, now = self._staged
        self._staged = None
        self._retrainings[place] = replace(self._retrainings[place], promoted_at=now)
        first = self._by(self._stream.times, now)
        if first < len(self._stream):
            self._answered.append(self._charge.version.answered(first))
            self._charge = _Charge(put_in_charge(self._stream, trained, first))

    @property
    def _champion(self) -> Champion:
        return self._charge.version.trained.champion

    @staticmethod
    def _by(moments: Array, now: float) -> int:
        """How many of the moments have come."""
        return int(np.searchsorted(moments, now, side="right"))
