"""The drift job on real parts: a served version's journal, its reference in MLflow, the operations database."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from cuelight.journal.compactor import Compactor
from cuelight.journal.query import Journal
from cuelight.journal.record import Label, Prediction, Schema
from cuelight.journal.writer import Writer
from cuelight.kit.clock import FakeClock
from cuelight.kit.errors import Busy, NotFound, Refused
from cuelight.kit.settings import Settings
from cuelight.monitoring.job import DriftJob, Order
from cuelight.monitoring.reports.outcome import Outcome
from cuelight.monitoring.reports.publication import Publisher
from cuelight.monitoring.schedule.child import cuelight
from cuelight.monitoring.windows.baseline import Against
from cuelight.monitoring.windows.extent import Extent
from cuelight.monitoring.windows.references import References
from cuelight.monitoring.windows.targets import Targets
from cuelight.operations import figures
from cuelight.operations.database import Operations
from cuelight.operations.verdict import Verdict
from cuelight.protocol.signature import Column, Signature
from cuelight.registry import tags
from cuelight.registry.mlflow_rest import MlflowRegistry
from cuelight.registry.model import Track
from cuelight.registry.tracking import Tracking
from tests.support.command import asked
from tests.support.journal import prediction
from tests.support.ports import free_port
from tests.unit.monitoring.tables import scored

pytestmark = pytest.mark.server

MODEL = "drift of wine"
FEATURES = ["used", "unused", "town"]
SIGNATURE = Signature(columns=(Column("used", "double"), Column("unused", "double"), Column("town", "string")))
PER_REQUEST = 100


class Installation:
    """A home folder, one registered version with its reference on Production, and a journal that grows."""

    def __init__(self, home: Path, uri: str) -> None:
        self.settings = Settings(home=home, registry_uri=uri, retrain_min_labels=300)
        self.registry = MlflowRegistry(uri)
        self.tracking = Tracking(uri)
        self.operations = Operations(self.settings.operations_url)
        self.now = 1_700_000_000.0
        self.version = self._register(home)

    def job(self, pages: bool = False, tracking: Tracking | None = None, registry: Any = None) -> DriftJob:
        """The job; MLflow's parts may be replaced by ones that are down."""
        tracking, registry = tracking or self.tracking, registry or self.registry
        folder = self.settings.home / "monitoring"
        return DriftJob(
            settings=self.settings,
            targets=Targets(registry, folder / "targets", {"champion": Track.PRODUCTION}),
            references=References(tracking, folder / "references"),
            journal=Journal(self.settings.journal_folder),
            operations=self.operations,
            publisher=Publisher(registry, tracking, 0.02, 1000, pages),
            clock=FakeClock(self.now + 1.0),
        )

    def serve(self, table: pd.DataFrame, labelled: bool = False) -> None:
        """Journal the rows of `table` as answered by the version on Production, and compact them."""
        writer = Writer(self.settings.journal_folder, "h", sync="none")
        writer.declare(Schema(MODEL, self.version, "digest", SIGNATURE.to_json()))
        for start in range(0, len(table), PER_REQUEST):
            self.now += 1.0
            part = table.iloc[start : start + PER_REQUEST]
            writer.append(*self._request(part, labelled))
        writer.close()
        Compactor(self.settings.journal_folder, retention_days=1e6).run_once()

    def reported(self) -> dict[str, str]:
        """Tags of the version, as people see them in MLflow."""
        return dict(self.registry.snapshot().models[MODEL].versions[self.version].tags)

    def _register(self, home: Path) -> int:
        reference = scored(4000, 1)
        path = home / "reference.parquet"
        reference.to_parquet(path)
        inputs = reference[["input.used"]]
        with self.tracking.run("drift-test/training", "champion") as run:
            run.file(path, "reference")
            fitted = LinearRegression().fit(inputs, reference["label"])
            source = run.sklearn_model(fitted, inputs, fitted.predict(inputs))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self.registry.create_model(MODEL)
        values = {tags.REFERENCE: f"reference/reference.parquet:{digest}", tags.TRAINED_UNTIL: str(self.now)}
        version = self.registry.create_version(MODEL, source, run.id, values)
        self.registry.set_stage(MODEL, version.version, "Production")
        return version.version

    def _request(self, part: pd.DataFrame, labelled: bool) -> list[Prediction | Label]:
        name = f"p{self.now}"
        rows = part[[f"input.{each}" for each in FEATURES]].set_axis(FEATURES, axis=1)
        answered = prediction(
            rows=rows.to_dict("records"),
            predictions=list(part["output.prediction"]),
            time=self.now,
            prediction_id=name,
            model=MODEL,
            version=self.version,
            digest="digest",
        )
        truths = enumerate(part["label"]) if labelled else ()
        return [answered, *(Label(self.now + 0.5, MODEL, name, row, value) for row, value in truths)]


@pytest.fixture(scope="module")
def registered(mlflow_server: str, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """One version in MLflow for all tests here."""
    return Installation(tmp_path_factory.mktemp("home"), mlflow_server)


@pytest.fixture
def installation(registered: Installation, tmp_path: Path) -> Iterator[Installation]:
    """The registered version with a home of its own: an empty journal, no reports, no cached reference."""
    registered.settings = replace(registered.settings, home=tmp_path)
    registered.operations = Operations(registered.settings.operations_url)
    yield registered
    registered.operations.close()


def _judged(outcome: Outcome | None) -> Outcome:
    assert outcome is not None
    return outcome


def test_drift_is_found_reported_and_asks_for_retraining_the_second_time(
    installation: Installation, tmp_path: Path
) -> None:
    """Shifted rows: a run with Evidently's page in MLflow, tags on the version, and a request by the second window."""
    installation.serve(scored(1500, 20, shift=0.6), labelled=True)
    first = _judged(installation.job(pages=True).run(Order(MODEL)))
    assert first.assessment.decision.verdict is Verdict.DRIFT
    assert set(first.assessment.decision.ranked[:2]) == {"input.used", "output.prediction"}
    assert first.notes == ()
    assert first.request is None
    (shown,) = figures.read(installation.settings.figures_folder)
    assert (shown.verdict, shown.version, shown.rows) == ("drift", installation.version, first.rows)
    assert (shown.scores["input.used"] or 0.0) > 4.0
    assert shown.loss == pytest.approx(first.assessment.performance and first.assessment.performance.current)
    page = installation.tracking.download_run_file(first.run_id, "reports/drift.html", tmp_path / "got")
    assert "Drift in 1,500 rows: " in page.read_text()
    quality = installation.tracking.download_run_file(first.run_id, "reports/quality.html", tmp_path / "got")
    assert quality.stat().st_size > 100_000
    said = json.loads(
        installation.tracking.download_run_file(first.run_id, "reports/verdict.json", tmp_path / "got").read_text()
    )
    assert said["verdict"] == "drift"
    assert installation.reported()[tags.DRIFT] == first.sentence
    assert installation.reported()[tags.REPORT] == first.link
    assert first.link.endswith(f"/runs/{first.run_id}/artifacts/reports/report.html")
    front = installation.tracking.download_run_file(first.run_id, "reports/report.html", tmp_path / "got").read_text()
    assert "This is the first report on version" in front
    assert "drifts in both too, retraining is asked for." in front

    assert installation.job().run(Order(MODEL, only_new=True)) is None
    again = _judged(installation.job().run(Order(MODEL)))
    assert (again.verdict, again.request) == ("drift", None)

    installation.serve(scored(600, 21, shift=0.6))
    second = _judged(installation.job().run(Order(MODEL)))
    assert second.request is not None
    asked = installation.operations.retrains(MODEL)[0]
    assert (asked.id, asked.version, asked.state) == (second.request, installation.version, "queued")
    assert "features and predictions drifted in two windows running: " in asked.reason
    assert asked.evidence["link"] == second.link

    client = installation.tracking._mlflow().MlflowClient()
    trend = installation.tracking.lasting_run(
        f"cuelight/{MODEL}/monitoring", "", {"cuelight.trend": str(installation.version)}
    )
    drawn = client.get_metric_history(trend.id, "z/input.used")
    assert [each.timestamp for each in drawn] == [int(each.at * 1000) for each in (first, second)]
    assert {each.value for each in client.get_metric_history(trend.id, "severity")} == {2.0}

    third = _judged(installation.job().run(Order(MODEL)))
    assert third.request is None
    kinds = [event.kind for event in installation.operations.history(MODEL)]
    assert kinds == ["drift", "drift", "drift", "retrain-requested", "drift"]


def test_lost_quality_asks_for_retraining_the_second_time(installation: Installation) -> None:
    """Concept drift moves no feature: labels show it, and with labels of a second window a request is made."""
    installation.serve(scored(800, 30, concept=0.6), labelled=True)
    first = _judged(installation.job().run(Order(MODEL)))
    assert (first.verdict, first.request) == ("degraded", None)
    installation.serve(scored(600, 31, concept=0.6), labelled=True)
    second = _judged(installation.job().run(Order(MODEL)))
    assert second.verdict == "degraded"
    assert "quality was lost in 2 of the last 3 windows" in installation.operations.retrains(MODEL)[0].reason


def test_drift_is_remembered_however_many_reports_lie_between(installation: Installation) -> None:
    """With little traffic dozens of reports share a window's rows, and the window before them still counts."""
    installation.serve(scored(1500, 35, shift=0.6), labelled=True)
    assert _judged(installation.job().run(Order(MODEL))).request is None
    installation.serve(scored(600, 36, shift=0.6))
    told = installation.operations.reports(MODEL)[0]
    for _ in range(30):
        installation.operations.add_report(replace(told, window_end=installation.now, verdict="not enough data"))
    assert _judged(installation.job().run(Order(MODEL))).request is not None


def test_without_drift_nothing_is_asked_for(installation: Installation) -> None:
    """Rows like the reference's are ok, too few rows are not enough data and never ok, and both are recorded.

    Where the number of new labels may ask (`retrain.every_labels`), it does, whatever the verdict.
    """
    installation.serve(scored(300, 40))
    few = _judged(installation.job().run(Order(MODEL)))
    assert few.verdict == "not enough data"
    installation.serve(scored(1200, 41), labelled=True)
    assert _judged(installation.job().run(Order(MODEL))).verdict in ("ok", "watch")
    assert installation.operations.retrains(MODEL) == []
    assert len(installation.operations.reports(MODEL)) == 2

    installation.settings = replace(installation.settings, models={MODEL: {"retrain_every_labels": 1201}})
    assert _judged(installation.job().run(Order(MODEL))).request is None
    installation.settings = replace(installation.settings, models={MODEL: {"retrain_every_labels": 1200}})
    assert _judged(installation.job().run(Order(MODEL))).request is not None
    assert installation.operations.retrains(MODEL)[0].reason.startswith("1,200 new labels have come since the last")


def test_a_window_may_be_compared_with_the_one_before(installation: Installation) -> None:
    """What has lasted for two windows is no news, its end is; the report names what it is of. One window is no two."""
    order = Order(MODEL, window=Extent.parse("1000 rows tumbling"), against=Against.PREVIOUS, only_new=True)
    assert installation.job().run(order) is None
    installation.serve(scored(1000, 45, shift=0.6))
    first = _judged(installation.job().run(order))
    assert first.verdict == "not enough data"
    assert "The previous window has 0 rows; 500 are needed" in first.sentence
    installation.serve(scored(1000, 46, shift=0.6))
    second = _judged(installation.job().run(order))
    assert second.verdict in ("ok", "watch")
    assert installation.job().run(order) is None
    installation.serve(scored(1300, 47))
    third = _judged(installation.job().run(order))
    assert (third.verdict, third.rows, third.against_rows) == ("drift", 1000, 1000)
    assert "Drift in 1,000 rows against the previous window (20" in third.sentence
    kept = installation.operations.reports(MODEL)[0].columns
    assert (kept["window"], kept["against"]) == ("1000 rows tumbling", third.against)


def test_a_verdict_needs_no_mlflow(installation: Installation) -> None:
    """MLflow down after the first report: the verdict is found and recorded, and the failure is said in a sentence."""
    installation.serve(scored(1500, 50, shift=0.6))
    installation.job().run(Order(MODEL))
    nowhere = f"http://127.0.0.1:{free_port()}"
    outcome = _judged(installation.job(tracking=Tracking(nowhere), registry=MlflowRegistry(nowhere)).run(Order(MODEL)))
    assert outcome.verdict == "drift"
    assert outcome.run_id == ""
    assert "MLflow did not take the report" in outcome.notes[0]
    assert installation.operations.reports(MODEL)[0].verdict == "drift"


def test_a_reference_that_was_altered_is_refused(installation: Installation) -> None:
    """Bytes that are not those of the tag's digest are never compared with."""
    path = f"{installation.settings.home}/monitoring/references"
    target = Targets(installation.registry, Path(path), {}).find(MODEL)
    with pytest.raises(Refused, match="was altered"):
        References(installation.tracking, Path(path)).read(replace(target, reference_digest="0" * 64))
    whole = References(installation.tracking, Path(path)).read(target)
    cached = Path(path) / f"{target.reference_digest}.parquet"
    cached.write_bytes(cached.read_bytes()[:-1] + b"?")
    assert References(installation.tracking, Path(path)).read(target).equals(whole)


def test_two_jobs_for_one_model_exclude_each_other(installation: Installation) -> None:
    """While one job holds the model's lease, another one does not start; unknown models are said to be unknown."""
    held = installation.operations.acquire(f"drift:{MODEL}", "other", 60.0, installation.now)
    assert held is not None
    with pytest.raises(Busy, match="Another process is at work on drift:"):
        installation.job().run(Order(MODEL))
    installation.operations.release(held)
    with pytest.raises(NotFound, match="no registered model"):
        installation.job().run(Order("no such model"))


def test_the_command_ends_with_its_verdict(installation: Installation) -> None:
    """`cuelight drift NAME --json` prints the outcome as JSON and exits with 10 on drift."""
    installation.serve(scored(2000, 60, shift=0.6))
    environment = os.environ | {
        "CUELIGHT_HOME": str(installation.settings.home),
        "CUELIGHT_REGISTRY_URI": installation.settings.registry_uri,
        "CUELIGHT_JOURNAL_RETENTION_DAYS": "1000000",
    }
    command = cuelight("drift", MODEL, "--json")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 10, done.stderr
    document = json.loads(done.stdout)
    assert document["verdict"] == "drift"
    assert document["link"].endswith("report.html")
    assert document["next"][-1].startswith("By its schedule the model is judged from ")
    done = asked(installation.settings.home, environment, "drift", MODEL, "--no-page")
    assert done.returncode == 10, done.stderr
    assert "drift: Drift in 2,000 rows: " in done.stdout
