from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Any, cast

import pytest

from cuelight.kit.settings import Settings
from cuelight.monitoring.reports.outcome import Outcome
from cuelight.monitoring.reports.publication import Publisher
from cuelight.monitoring.reports.report import NotRendered
from cuelight.monitoring.verdicts.assessment import Case, assess
from cuelight.registry.memory import MemoryRegistry
from cuelight.registry.tracking import Run, Tracking
from tests.unit.monitoring.tables import scored


@pytest.mark.parametrize("fault", [NotRendered("Evidently failed."), OSError(28, "No space left on device")])
def test_a_page_that_cant_be_made_costs_no_verdict(fault: Exception) -> None:
    """Whatever keeps the page from being made is a note on the outcome."""
    assessment = assess(Case(scored(600, 1), scored(600, 2), scored(0, 3)), Settings())
    outcome = Outcome("wine", 1, 0.0, None, None, 600, 0, None, assessment)
    page: Future[list[Path]] = Future()
    page.set_exception(fault)
    publisher = Publisher(MemoryRegistry(), Tracking("http://127.0.0.1:1"), 0.02, 100)
    found = publisher._files(outcome, cast("Run", cast("Any", None)), page)
    assert found.verdict == outcome.verdict
    assert found.notes == (f"There is no page for this report: {fault}",)
