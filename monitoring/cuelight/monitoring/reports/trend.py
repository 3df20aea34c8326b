"""A report as numbers that MLflow draws over time. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cuelight.monitoring.reports.outcome import Outcome
from cuelight.operations.verdict import Verdict

_LONGEST_NAME, _LARGEST = 200, 1e9
# From what says nothing to what must be mended first, so that a line that climbs is a model in trouble.
SEVERITY = {
    Verdict.NOT_ENOUGH_DATA: -1.0,
    Verdict.OK: 0.0,
    Verdict.WATCH: 1.0,
    Verdict.DRIFT: 2.0,
    Verdict.DEGRADED: 3.0,
    Verdict.BAD_DATA: 4.0,
}


def minutes(began: float, at: float) -> int:
    """The step of a point: minutes from the beginning of the trend (both epoch s), so that gaps are seen as such."""
    return max(0, round((at - began) / 60.0))


def metrics(outcome: Outcome) -> Mapping[str, float]:
    """Verdict as severity, per column `p/` and `z/`, the window's size, quality on labels."""
    found = {
        "severity": SEVERITY[outcome.assessment.decision.verdict],
        "rows": float(outcome.rows),
        "labelled_rows": float(outcome.labelled),
        "drifted_columns": float(sum(each.drifted for each in outcome.assessment.columns)),
        "findings": float(len(outcome.assessment.examination.findings)),
    }
    for each in outcome.assessment.columns:
        found[f"p/{_name(each.name)}"] = each.comparison.p_value
        found[f"z/{_name(each.name)}"] = max(-_LARGEST, min(_LARGEST, each.z))
    performance = outcome.assessment.performance
    if performance is not None:
        found |= {"loss": performance.current, "reference_loss": performance.reference, "loss_z": performance.z}
        found |= {f"quality/{name}": value for name, value in performance.metrics.items()}
    if outcome.assessment.estimate is not None:
        found["estimated_accuracy"] = outcome.assessment.estimate.value
    return found


def _name(column: str) -> str:
    """A column's name as MLflow takes it in a metric."""
    return re.sub(r"[^\w\-. ]", "_", column)[:_LONGEST_NAME]
