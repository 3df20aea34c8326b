"""The report as a run in MLflow, a point in the version's trend, and its verdict on the version."""

from __future__ import annotations

import json
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from cuelight.kit.errors import CuelightError
from cuelight.kit.log import Log
from cuelight.monitoring.reports.front import FRONT, Place, front
from cuelight.monitoring.reports.outcome import Outcome
from cuelight.monitoring.reports.report import QUALITY_PAGE, Page, sampled, write
from cuelight.monitoring.reports.trend import metrics, minutes
from cuelight.registry import tags
from cuelight.registry.port import Registry
from cuelight.registry.tracking import Tracking

REPORTS = "reports"
_LONGEST_TAG = 4_000
_log = Log("monitoring")


@dataclass(frozen=True)
class Publisher:
    """Puts outcomes where people look: MLflow. `pages` false leaves Evidently's page out."""

    registry: Registry
    tracking: Tracking
    q: float
    plot_rows: int
    pages: bool = True

    def publish(self, outcome: Outcome) -> Outcome:
        """The outcome with its run and link; what went wrong is in its notes, and never costs the verdict."""
        with tempfile.TemporaryDirectory() as draft, ThreadPoolExecutor(1) as aside:
            # Evidently's process and MLflow's client both take seconds to start: side by side.
            page = aside.submit(self._page, outcome, Path(draft))
            try:
                outcome = self._run(outcome, page)
                self._tag(outcome)
            except CuelightError as error:
                _log.warning("report-not-published", str(error))
                note = f"The verdict is recorded, but MLflow did not take the report: {error}"
                outcome = replace(outcome, notes=(*outcome.notes, note))
        return outcome

    def _page(self, outcome: Outcome, folder: Path) -> list[Path]:
        columns = outcome.assessment.examination.columns
        if not self.pages or not columns:
            return []
        title = f"{outcome.model}, version {outcome.version}: {outcome.rows:,} rows against {outcome.against}"
        drawn = sampled(columns, self.plot_rows)
        page = Page(title, outcome.verdict, outcome.assessment.decision.reason, self.q, self.plot_rows, drawn)
        return write(page, columns, outcome.assessment.columns, folder, outcome.assessment.labelled)

    def _run(self, outcome: Outcome, page: Future[list[Path]]) -> Outcome:
        marks = {
            "cuelight.model": outcome.model,
            "cuelight.version": str(outcome.version),
            "cuelight.verdict": outcome.verdict,
            "cuelight.window": outcome.window,
            "cuelight.against": outcome.against,
            tags.REASON: outcome.assessment.decision.reason[:_LONGEST_TAG],
        }
        name = f"version {outcome.version}: {outcome.verdict}"
        with self.tracking.run(_experiment(outcome), name, marks) as run:
            run.metrics(metrics(outcome))
            trend = self._trend(outcome)
            files, notes = evidently(page, quality=outcome.assessment.labelled is not None)
            for path in files:
                run.file(path, REPORTS)
            drawn = sampled(outcome.assessment.examination.columns, self.plot_rows) if files else ""
            place = Place(run.url, tuple(path.name for path in files), drawn, trend)
            outcome = replace(outcome, run_id=run.id, link=place.file_url(FRONT), notes=(*outcome.notes, *notes))
            run.text(front(outcome, place), f"{REPORTS}/{FRONT}")
            document = outcome.document()
            run.text(json.dumps(document, indent=1, allow_nan=False), f"{REPORTS}/verdict.json")
        return outcome

    def _trend(self, outcome: Outcome) -> str:
        """Add a point to the run that draws the version's reports as lines; the address of its charts."""
        name, mark = f"version {outcome.version}: trend", {"cuelight.trend": str(outcome.version)}
        run = self.tracking.lasting_run(_experiment(outcome), name, mark)
        run.metrics(metrics(outcome), step=minutes(run.began, outcome.at), at=outcome.at)
        return f"{run.url}/model-metrics"

    def _tag(self, outcome: Outcome) -> None:
        values = {tags.DRIFT: outcome.sentence[:_LONGEST_TAG], tags.REPORT: outcome.link}
        self.registry.set_version_tags(outcome.model, outcome.version, values)


def _experiment(outcome: Outcome) -> str:
    return f"cuelight/{outcome.model}/monitoring"


def evidently(page: Future[list[Path]], quality: bool) -> tuple[list[Path], list[str]]:
    """Evidently's files, and what is missing among them (a page on `quality`, too, where there are labels)."""
    try:
        files = page.result()
    except Exception as error:  # noqa: BLE001 - a full disk or an odd column must not cost the verdict
        _log.warning("page-not-rendered", str(error))
        return [], [f"There is no page of Evidently's for this report: {error}"]
    missing = bool(files) and quality and not any(path.name == QUALITY_PAGE for path in files)
    return files, ["Evidently could not draw the page on quality."] if missing else []
