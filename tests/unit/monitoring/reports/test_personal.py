"""A personal column leaves nothing of itself in a report."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from cuelight.monitoring.reports.front import Place, front
from cuelight.monitoring.reports.report import Page, write
from tests.unit.monitoring.reports.outcomes import judged
from tests.unit.monitoring.tables import scored

HASHED, HOME = "hmac-sha256:0a1b", "home in "


def _report(reference: pd.DataFrame, window: pd.DataFrame, folder: Path) -> str:
    """All that a report writes: the verdict, our page, Evidently's page and figures."""
    folder.mkdir()
    outcome = judged(window, reference)
    page = Page("a model", outcome.verdict, outcome.assessment.decision.reason, 0.02, 400, "")
    files = write(page, outcome.assessment.examination.columns, outcome.assessment.columns, folder)
    texts = [path.read_text() for path in files]
    return "\n".join([*texts, front(outcome, Place("", (), "")), json.dumps(outcome.document())])


def test_no_value_of_a_personal_column_is_in_a_report(tmp_path: Path) -> None:
    """Neither the window's hashes nor the reference's values; were it not personal, they would be found."""
    reference, window = (
        each.assign(**{"input.home": HOME + each["input.town"]}) for each in (scored(900, 1), scored(900, 2))
    )
    hidden = window.drop(columns="input.home").assign(**{"personal.home": HASHED})
    report = _report(reference, hidden, tmp_path / "hidden")
    assert "input.home is personal: the journal does not hold it" in report
    assert HOME not in report
    assert HASHED not in report
    assert HOME in _report(reference, window, tmp_path / "plain")
