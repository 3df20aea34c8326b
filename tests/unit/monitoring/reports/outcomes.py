"""Outcomes for the tests of what is said about them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from cuelight.kit.settings import Settings
from cuelight.monitoring.reports.outcome import Outcome
from cuelight.monitoring.verdicts.assessment import Case, assess
from cuelight.operations.reports import Report
from tests.unit.monitoring.tables import scored


def judged(rows: pd.DataFrame, before: pd.DataFrame | None = None, **more: Any) -> Outcome:
    """The outcome of a window next to a reference of 1,500 rows, without labels."""
    before = scored(1500, 1) if before is None else before
    assessment = assess(Case(before, rows, rows.iloc[:0]), Settings())
    return Outcome("wine", 3, 1000.0, 1.0, 2.0, len(rows), 0, None, assessment, **more)


def reported(at: float, verdict: str, **drifted: bool) -> Report:
    """A report that tested these columns (underscore: dot), or none."""
    tested = [{"column": name.replace("_", "."), "drifted": value} for name, value in drifted.items()]
    return Report("wine", 3, at, 0.0, at, 900, verdict, "", columns={"tested": tested})
