"""From tables to a verdict, with no I/O: what a job and a backtest have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cuelight.kit.settings import Settings
from cuelight.monitoring.drift.calibration import Calibration, calibrate, near
from cuelight.monitoring.drift.judgement import ColumnDrift, Measured, corrected, measure
from cuelight.monitoring.drift.weights import weights
from cuelight.monitoring.examination.examination import Examination, examine
from cuelight.monitoring.examination.likeness import Cycle, Likeness, likeness
from cuelight.monitoring.quality import performance as performances
from cuelight.monitoring.quality.estimate import Estimate, estimate
from cuelight.monitoring.quality.performance import ABSOLUTE_ERROR, LEAST_LABELS, Labelled, Performance, answers
from cuelight.monitoring.verdicts.rule import Decision, Earlier, Evidence, decide
from cuelight.monitoring.windows.baseline import Baseline

if TYPE_CHECKING:
    import pandas as pd

# Fewer rows of a window's hours are not compared with.
_LEAST_LIKE = 100


@dataclass(frozen=True)
class Assessment:
    """All that was found in one window.

    Attributes:
        columns: the most drifted first, empty when there was too little to test.
        labelled: what the page on quality shows.
        estimate: what quality is likely to be, where too few labels have come to measure it; the verdict is not by it.
        segments: what was found in parts of it, by names such as `region=south`.
    """

    decision: Decision
    examination: Examination
    columns: tuple[ColumnDrift, ...]
    performance: Performance | None
    labelled: Labelled | None = None
    estimate: Estimate | None = None
    segments: Mapping[str, Assessment] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """A window and what it is held against; columns are named as the journal names them.

    Attributes:
        reference: the version's reference, or that part of it which is like the window.
        rows: the window.
        labelled: rows that have a label by now; may be empty.
        earlier: earlier reports on the same version, newest first.
        calibration: says how far driftless windows stray; `Calibrations` remembers what it found.
        baseline: earlier traffic that the columns are compared with; None: with the reference. What is bad data, and
            what quality was, the reference says all the same.
        least: rows that the window needs; None: as the setting says.
    """

    reference: pd.DataFrame
    rows: pd.DataFrame
    labelled: pd.DataFrame
    earlier: Sequence[Earlier] = ()
    calibration: Calibration = calibrate
    baseline: Baseline | None = None
    least: int | None = None

    @property
    def compared(self) -> Baseline:
        """What the columns are compared with."""
        return self.baseline or Baseline(self.reference)


def assess(case: Case, settings: Settings) -> Assessment:
    """Judge one window as a whole."""
    return assess_together([case], settings)[0]


def assess_together(cases: Sequence[Case], settings: Settings) -> list[Assessment]:
    """Judge windows at once, such as the segments of one: their tests are corrected as one family.

    So with more segments the chance that any of them alarms by chance stays what it was with one.
    """
    looked = [_look(case, settings) for case in cases]
    judged = corrected([_measured(each) for each in looked], settings.monitoring_q, settings.monitoring_z)
    return [_assessment(each, columns, settings) for each, columns in zip(looked, judged, strict=True)]


@dataclass(frozen=True)
class _Look:
    """A case, the part of what it is compared with that is like its window, and what is wrong with its data."""

    case: Case
    baseline: Baseline
    like: Likeness
    examination: Examination


def _look(case: Case, settings: Settings) -> _Look:
    compared = case.compared
    if len(case.rows) < _least(case, settings):
        return _Look(case, compared, Likeness(compared.rows), Examination((), ()))
    like = likeness(compared.rows, case.rows, settings.monitoring_group, Cycle(settings.monitoring_cycle))
    if like.rows is not compared.rows:
        name = f"the part of {compared.name} with the same hours"
        compared = Baseline(like.rows, name, max(compared.least, _LEAST_LIKE))
    clustering = max(like.groups.size, like.groups.window_size) if like.groups else 1.0
    found = examine(case.reference, case.rows, like.column, clustering)
    found = replace(found, findings=(*found.findings, *like.notes))
    if compared.is_reference:
        return _Look(case, compared, like, found)
    comparable = len(compared.rows) >= compared.least
    columns = examine(compared.rows, case.rows, like.column, clustering).columns if comparable else ()
    return _Look(case, compared, like, replace(found, columns=columns))


def _least(case: Case, settings: Settings) -> int:
    return settings.monitoring_min_rows if case.least is None else case.least


def _measured(look: _Look) -> list[Measured]:
    columns = look.examination.columns
    if not columns:
        return []
    nulls = look.case.calibration(columns, near(len(look.case.rows)), look.like.groups)
    return measure(columns, weights(look.like.rows, columns), nulls)


def _performance(case: Case, settings: Settings) -> Performance | None:
    """Quality next to the reference's rows of the labelled rows' hours."""
    like = likeness(case.reference, case.labelled, settings.monitoring_group, Cycle(settings.monitoring_cycle))
    return performances.measure(like.rows, case.labelled, like.groups)


def _expected(case: Case, settings: Settings) -> Estimate | None:
    """What quality is likely to be where too few labels have come to tell."""
    if len(case.rows) < _least(case, settings):
        return None
    groups = likeness(case.reference, case.rows, settings.monitoring_group).groups
    return estimate(case.reference, case.rows, groups)


def _assessment(look: _Look, judged: Sequence[ColumnDrift], settings: Settings) -> Assessment:
    case, performance = look.case, _performance(look.case, settings)
    expected = _expected(case, settings) if performance is None or performance.rows < LEAST_LABELS else None
    decision = decide(
        Evidence(
            rows=len(case.rows),
            compared_rows=len(look.baseline.rows),
            alerts=look.examination.alerts,
            columns=judged,
            performance=performance,
            earlier=case.earlier,
            min_rows=_least(case, settings),
            min_compared=look.baseline.least,
            against=look.baseline.name,
            estimate=expected,
        )
    )
    labelled = _answers(case.reference, case.labelled, performance)
    return Assessment(decision, look.examination, tuple(judged), performance, labelled, expected)


def _answers(reference: pd.DataFrame, labelled: pd.DataFrame, performance: Performance | None) -> Labelled | None:
    """What the page on quality shows; None where there is too little to draw."""
    if performance is None:
        return None
    before, now = answers(reference, performance.loss), answers(labelled, performance.loss)
    if min(len(before), len(now)) < LEAST_LABELS:
        return None
    return Labelled(before, now, classes=performance.loss != ABSOLUTE_ERROR)
