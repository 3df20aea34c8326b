from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import pytest

from cuelight.monitoring.reports.publication import evidently
from cuelight.monitoring.reports.report import NotRendered


@pytest.mark.parametrize("fault", [NotRendered("Evidently failed."), OSError(28, "No space left on device")])
def test_a_page_that_cant_be_made_costs_no_verdict(fault: Exception) -> None:
    """Whatever keeps Evidently's page from being made is a note, and there are no files of it."""
    page: Future[list[Path]] = Future()
    page.set_exception(fault)
    assert evidently(page, quality=True) == ([], [f"There is no page of Evidently's for this report: {fault}"])


def test_a_missing_page_on_quality_is_said() -> None:
    """Labels that Evidently could not draw are a note; without labels nothing is missing."""
    page: Future[list[Path]] = Future()
    page.set_result([Path("drift.html"), Path("drift.json")])
    assert evidently(page, quality=True)[1] == ["Evidently could not draw the page on quality."]
    assert evidently(page, quality=False)[1] == []
