from __future__ import annotations

import numpy as np
import pytest

from cuelight.monitoring.reports.trend import SEVERITY, metrics, minutes
from cuelight.operations.verdict import Verdict
from tests.unit.monitoring.reports.outcomes import judged
from tests.unit.monitoring.tables import nasty, scored


def test_each_verdict_has_its_height() -> None:
    """A line that climbs is a model in trouble: ok, watch, drift, degraded, bad data; what was not judged is below."""
    order = [Verdict.NOT_ENOUGH_DATA, Verdict.OK, Verdict.WATCH, Verdict.DRIFT, Verdict.DEGRADED, Verdict.BAD_DATA]
    assert sorted(Verdict, key=SEVERITY.__getitem__) == order


def test_a_report_is_a_point_of_each_column() -> None:
    """p and z by column, and what the verdict is; only finite numbers, under names that MLflow takes."""
    found = metrics(judged(scored(900, 2, shift=0.6)))
    assert (found["severity"], found["rows"]) == (2.0, 900.0)
    assert found["z/input.used"] > 4.0
    assert found["p/input.used"] < 0.001
    reference, rows = nasty(900, 4)
    strange = metrics(judged(rows, reference))
    assert "z/input.odd _name___" in strange
    assert np.isfinite(list(strange.values())).all()


@pytest.mark.parametrize(("at", "step"), [(1000.0, 0), (990.0, 0), (1089.0, 1), (1000.0 + 86_400.0, 1440)])
def test_steps_are_minutes(at: float, step: int) -> None:
    """Gaps between reports are gaps on the axis of steps; nothing lies before the beginning."""
    assert minutes(1000.0, at) == step
