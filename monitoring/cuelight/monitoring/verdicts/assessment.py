"""From tables to a verdict, with no I/O: what a job and a backtest have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cuelight.kit.settings import Settings
from cuelight.monitoring.drift.judgement import ColumnDrift, judge
from cuelight.monitoring.drift.weights import weights
from cuelight.monitoring.examination.examination import Examination, examine
from cuelight.monitoring.quality.performance import (
    ABSOLUTE_ERROR,
    LEAST_LABELS,
    Labelled,
    Performance,
    answers,
    measure,
)
from cuelight.monitoring.verdicts.rule import Decision, Earlier, Evidence, decide

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


def assess(
    reference: pd.DataFrame,
    rows: pd.DataFrame,
    labelled: pd.DataFrame,
    earlier: Sequence[Earlier],
    settings: Settings,
) -> Assessment:
    """Judge a window against the version's reference. Columns are named as the journal names them."""
    enough = len(rows) >= settings.monitoring_min_rows
    examination = examine(reference, rows) if enough else Examination((), ())
    columns = examination.columns
    judged = judge(columns, settings.monitoring_q, settings.monitoring_z, weights(reference, columns))
    performance = measure(reference, labelled)
    decision = decide(
        Evidence(
            rows=len(rows),
            reference_rows=len(reference),
            alerts=examination.alerts,
            columns=judged,
            performance=performance,
            earlier=earlier,
            min_rows=settings.monitoring_min_rows,
        )
    )
    return Assessment(decision, examination, tuple(judged), performance, _answers(reference, labelled, performance))


def _answers(reference: pd.DataFrame, labelled: pd.DataFrame, performance: Performance | None) -> Labelled | None:
    """What the page on quality shows; None where there is too little to draw."""
    if performance is None:
        return None
    before, now = answers(reference, performance.loss), answers(labelled, performance.loss)
    if min(len(before), len(now)) < LEAST_LABELS:
        return None
    return Labelled(before, now, classes=performance.loss != ABSOLUTE_ERROR)
