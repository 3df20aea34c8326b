"""One drift job: window, verdict, report, record and, if the rule asks for it, a retrain request."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cuelight.journal.query import Journal
from cuelight.kit.clock import Clock, SystemClock
from cuelight.kit.settings import Settings
from cuelight.monitoring.drift.calibrations import Calibrations
from cuelight.monitoring.examination.findings import Fault, Finding
from cuelight.monitoring.examination.likeness import TIME
from cuelight.monitoring.reports.changes import changes
from cuelight.monitoring.reports.outcome import Outcome, figures, segments
from cuelight.monitoring.reports.prospects import prospects
from cuelight.monitoring.reports.publication import Publisher
from cuelight.monitoring.retraining.labels import counted
from cuelight.monitoring.retraining.petition import petition, weigh
from cuelight.monitoring.retraining.triggers import Known
from cuelight.monitoring.verdicts.assessment import Assessment, Case
from cuelight.monitoring.verdicts.lookback import Seen, look_back, nothing_new
from cuelight.monitoring.verdicts.rule import Earlier
from cuelight.monitoring.verdicts.segments import assess
from cuelight.monitoring.windows.baseline import Against, Baseline
from cuelight.monitoring.windows.extent import Extent
from cuelight.monitoring.windows.references import References
from cuelight.monitoring.windows.targets import Target, Targets
from cuelight.monitoring.windows.window import Window, Windows
from cuelight.operations.database import Operations
from cuelight.operations.figures import write
from cuelight.operations.holding import held, patiently
from cuelight.operations.reports import Report
from cuelight.operations.retraining import last_learned

LEASE_SECONDS = 90.0  # of silence, after which a killed job's model is another job's
# Reports, a week of them every ten minutes: with little traffic many lie between two windows of rows of their own.
_LOOK_BACK = 1_000


@dataclass(frozen=True)
class Order:
    """What to judge: a model's Production version, or `version`; otherwise than the settings say, where it says so.

    Attributes:
        by: input column by whose values segments are judged as well; empty: none are.
        since: rows before this moment (epoch s) are not judged.
        only_new: nothing is to be done unless rows or labels came since the last report.
    """

    model: str
    version: int | None = None
    window: Extent | None = None
    against: Against | None = None
    by: str | None = None
    since: float | None = None
    only_new: bool = False


class DriftJob:
    """Judges one model at a time; two jobs for one model exclude each other by a lease."""

    def __init__(
        self,
        settings: Settings,
        targets: Targets,
        references: References,
        journal: Journal,
        operations: Operations,
        publisher: Publisher,
        clock: Clock | None = None,
        next_look: Callable[[str, float], float | None] = lambda _model, _now: None,
    ) -> None:
        self._settings = settings
        self._targets = targets
        self._references = references
        self._journal = journal
        self._operations = operations
        self._publisher = publisher
        self._clock = clock or SystemClock()
        self._next_look = next_look
        self._calibrations = Calibrations(settings.home / "monitoring" / "calibrations")

    def run(self, order: Order) -> Outcome | None:
        """Judge and record; None when only new rows were asked for and none came since the last report.

        Raises:
            Busy: another job judges this model right now.
            Unavailable: the registry is down at the first report, or another has taken over what was silent too long.
            NotFound: there is no version to judge, or no reference.
        """
        with held(self._operations, f"drift:{order.model}", LEASE_SECONDS, self._clock) as confirm:
            return self._judge(order, confirm)

    def _judge(self, order: Order, confirm: Callable[[], None]) -> Outcome | None:
        now, settings = self._clock.now(), self._settings.of(order.model)
        if order.by is not None:
            settings = replace(settings, monitoring_by=order.by)
        extent, against = order.window or Extent.of(settings), order.against or Against(settings.monitoring_against)
        target = self._targets.find(order.model, order.version)
        reports = self._operations.reports(target.model, target.version, limit=_LOOK_BACK)
        seen = [_seen(each) for each in reports if each.window_end is not None]  # the others saw no row
        windows = Windows(self._journal, target, extent, order.since)
        window = windows.read(windows.newest(now, seen[0].rows_until if seen else None), now, settings)
        earlier = remembered(windows, window, seen, now)
        if order.only_new and nothing_new(window.end, earlier):
            return None
        reference = self._references.read(target)
        baseline = windows.baseline(against, window, reference, settings)
        case = Case(reference, window.rows, window.labelled, earlier, self._calibrations, baseline)
        assessment = _told(assess(case, settings), window)
        outcome = Outcome.of(target, now, window, extent, baseline, assessment)
        outcome = replace(outcome, reference=_described(target, baseline))
        learned = last_learned(self._operations.retrains(target.model))
        known = counted(assessment.decision.retrain, target, reference, self._journal, settings, learned)
        outcome = replace(outcome, changes=changes(outcome, reports), prospects=self._prospects(outcome, known))
        confirm()
        outcome = self._publisher.publish(outcome)
        confirm()
        patiently(lambda: self._record(outcome), LEASE_SECONDS, self._clock)
        return patiently(lambda: self._request(outcome, known), LEASE_SECONDS, self._clock)

    def _record(self, outcome: Outcome) -> None:
        decision = outcome.assessment.decision
        self._operations.add_report(
            Report(
                model=outcome.model,
                version=outcome.version,
                at=outcome.at,
                window_start=outcome.window_start,
                window_end=outcome.window_end,
                rows=outcome.rows,
                verdict=outcome.verdict,
                reason=decision.reason,
                signals=dict(decision.signals),
                run_id=outcome.run_id,
                columns={
                    "tested": figures(outcome.assessment.columns),
                    "segments": segments(outcome.assessment),
                    "labels_until": outcome.labels_until,
                    "window": outcome.window,
                    "against": outcome.against,
                },
            ),
            outcome.link,
        )
        with contextlib.suppress(OSError):  # a full disk must not cost the verdict
            write(self._settings.figures_folder, outcome.figures())

    def _prospects(self, outcome: Outcome, known: Known) -> tuple[str, ...]:
        wish = weigh(self._operations, self._settings, outcome.model, known, outcome.at)
        requests, waiting = self._operations.retrains(outcome.model), self._operations.challenger(outcome.model)
        min_rows, next_look = self._settings.monitoring_min_rows, self._next_look(outcome.model, outcome.at)
        return prospects(outcome, wish.ask, wish.why_not, requests, min_rows, next_look, waiting)

    def _request(self, outcome: Outcome, known: Known) -> Outcome:
        evidence: dict[str, Any] = {
            "verdict": outcome.verdict,
            "reason": outcome.assessment.decision.reason,
            "run_id": outcome.run_id,
            "link": outcome.link,
            "columns": list(outcome.assessment.decision.ranked),
        }
        now = self._clock.now()
        answer = petition(self._operations, self._settings, outcome.model, outcome.version, known, now, evidence)
        new = {answer.note} - {"", *outcome.prospects}
        return replace(outcome, notes=(*outcome.notes, *new), request=answer.request)


def _told(assessment: Assessment, window: Window) -> Assessment:
    """With a note where the window is judged by a sample of it."""
    if window.size == len(window.rows):
        return assessment
    text = f"{len(window.rows):,} of the window's {window.size:,} rows were judged, chosen by a hash of their ids"
    note = Finding(TIME, Fault.NOT_TESTED, False, f"{text} (monitoring.most_rows)")
    found = assessment.examination
    return replace(assessment, examination=replace(found, findings=(*found.findings, note)))


def _described(target: Target, baseline: Baseline) -> str:
    """What a window was held against, for the page."""
    if not baseline.is_reference:
        return f"{len(baseline.rows):,} rows of {baseline.name}"
    return (
        f"{len(baseline.rows):,} rows that training kept ({target.reference_path} of run {target.run_id}, "
        f"SHA-256 {target.reference_digest[:12]}…)"
    )


def remembered(windows: Windows, window: Window, seen: Sequence[Seen], now: float) -> list[Earlier]:
    """Earlier reports, newest first, each with what came between it and the next newer one."""
    if not seen:
        return []
    came = windows.arrivals(min(each.rows_until for each in seen), now)
    return look_back(seen, came.rows, came.labels, window.end, window.labels_until)


def _seen(report: Report) -> Seen:
    """Labels that are journalled late still count as new after the report's own moment of the last label."""
    until = float(report.columns.get("labels_until") or 0.0)
    return Seen(report.verdict, report.signals, report.window_end or 0.0, until)
