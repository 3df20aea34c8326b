"""From tables to a verdict, with no I/O: what a job and a backtest have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cuelight.kit.settings import Settings
from cuelight.monitoring.drift.calibration import Null
from cuelight.monitoring.drift.judgement import ColumnDrift, corrected, measure
from cuelight.monitoring.drift.weights import weights
from cuelight.monitoring.examination.examination import Examination, examine
from cuelight.monitoring.quality import performance as performances
from cuelight.monitoring.quality.performance import ABSOLUTE_ERROR, LEAST_LABELS, Labelled, Performance, answers
from cuelight.monitoring.verdicts.rule import Decision, Earlier, Evidence, decide
from cuelight.monitoring.windows.baseline import Baseline

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Assessment:
    """All that was found in one window; `columns` the most drifted first, empty when there was too little to test."""

    decision: Decision
    examination: Examination
    columns: tuple[ColumnDrift, ...]
    performance: Performance | None
    labelled: Labelled | None = None


@dataclass(frozen=True)
class Case:
    """A window and what it is held against; columns are named as the journal names them.

    Attributes:
        reference: the version's reference, or that part of it which is like the window.
        rows: the window.
        labelled: rows that have a label by now; may be empty.
        earlier: earlier reports on the same version, newest first.
        nulls: a calibration made before for what is compared with and this size of window; made anew without it.
        baseline: earlier traffic that the columns are compared with; None: with the reference. What is bad data, and
            what quality was, the reference says all the same.
    """

    reference: pd.DataFrame
    rows: pd.DataFrame
    labelled: pd.DataFrame
    earlier: Sequence[Earlier] = ()
    nulls: Mapping[str, Null] | None = None
    baseline: Baseline | None = None

    @property
    def compared(self) -> Baseline:
        """What the columns are compared with."""
        return self.baseline or Baseline(self.reference)


def assess(case: Case, settings: Settings) -> Assessment:
    """Judge one window."""
    return assess_together([case], settings)[0]


def assess_together(cases: Sequence[Case], settings: Settings) -> list[Assessment]:
    """Judge windows at once, such as the segments of one: their tests are corrected as one family.

    So with more segments the chance that any of them alarms by chance stays what it was with one.
    """
    examinations = [_examine(case, settings) for case in cases]
    measured = [
        measure(each.columns, weights(case.compared.rows, each.columns), case.nulls)
        for case, each in zip(cases, examinations, strict=True)
    ]
    judged = corrected(measured, settings.monitoring_q, settings.monitoring_z)
    return [_assessment(*each, settings) for each in zip(cases, examinations, judged, strict=True)]


def _examine(case: Case, settings: Settings) -> Examination:
    if len(case.rows) < settings.monitoring_min_rows:
        return Examination((), ())
    found, compared = examine(case.reference, case.rows), case.compared
    if compared.is_reference:
        return found
    comparable = len(compared.rows) >= compared.least
    return replace(found, columns=examine(compared.rows, case.rows).columns if comparable else ())


def _assessment(case: Case, examination: Examination, judged: Sequence[ColumnDrift], settings: Settings) -> Assessment:
    performance = performances.measure(case.reference, case.labelled)
    decision = decide(
        Evidence(
            rows=len(case.rows),
            compared_rows=len(case.compared.rows),
            alerts=examination.alerts,
            columns=judged,
            performance=performance,
            earlier=case.earlier,
            min_rows=settings.monitoring_min_rows,
            min_compared=case.compared.least,
            against=case.compared.name,
        )
    )
    labelled = _answers(case.reference, case.labelled, performance)
    return Assessment(decision, examination, tuple(judged), performance, labelled)


def _answers(reference: pd.DataFrame, labelled: pd.DataFrame, performance: Performance | None) -> Labelled | None:
    """What the page on quality shows; None where there is too little to draw."""
    if performance is None:
        return None
    before, now = answers(reference, performance.loss), answers(labelled, performance.loss)
    if min(len(before), len(now)) < LEAST_LABELS:
        return None
    return Labelled(before, now, classes=performance.loss != ABSOLUTE_ERROR)
