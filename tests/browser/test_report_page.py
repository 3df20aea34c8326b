"""A drift report as people meet it: in MLflow's view of a run's artifacts, and drawn over time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cuelight.monitoring.reports.front import FRONT, Place, front
from cuelight.monitoring.reports.trend import metrics, minutes
from cuelight.registry.tracking import Tracking
from tests.browser.ui import browser_page, photographed
from tests.unit.monitoring.reports.outcomes import judged
from tests.unit.monitoring.tables import scored

pytestmark = [pytest.mark.server, pytest.mark.browser, pytest.mark.timeout(600)]
EXPERIMENT = "cuelight/browser-report/monitoring"


@pytest.fixture
def page() -> Iterator[Page]:
    """A browser's page."""
    with browser_page() as page:
        yield page


def test_a_report_is_read_in_mlflow(mlflow_server: str, page: Page, tmp_path: Path) -> None:
    """The link on a version opens the page in MLflow's sandboxed frame: verdict, plots and table are seen there."""
    outcome = judged(scored(900, 2, shift=0.6))
    with Tracking(mlflow_server).run(EXPERIMENT, "report") as run:
        place = Place(run.url)
        run.text(front(outcome, place), f"reports/{FRONT}")
    with photographed(page, tmp_path):
        page.goto(place.file_url(FRONT))
        frame = page.frame_locator("iframe.mlflow-html-iframe")
        expect(frame.locator("#verdict")).to_have_text("drift", timeout=120_000)
        expect(frame.locator("#reason")).to_contain_text("Drift in 900 rows")
        expect(frame.locator("svg").first).to_be_visible()
        expect(frame.locator("#columns tbody tr")).to_have_count(len(outcome.assessment.columns))


def test_reports_are_drawn_as_a_line(mlflow_server: str, page: Page, tmp_path: Path) -> None:
    """The run of a version's trend has a line for each metric, with a point for each report."""
    run = Tracking(mlflow_server).lasting_run(EXPERIMENT, "trend", {"cuelight.trend": "3"})
    for index, shift in enumerate((0.0, 0.1, 0.6)):
        at = run.began + 600.0 * index
        run.metrics(metrics(judged(scored(900, index, shift=shift))), step=minutes(run.began, at), at=at)
    with photographed(page, tmp_path):
        page.goto(f"{run.url}/model-metrics")
        expect(page.get_by_text("trend (p/columns together)").first).to_be_visible(timeout=120_000)
        expect(page.get_by_text("Step").first).to_be_visible()  # one value alone would be a bar without such an axis
