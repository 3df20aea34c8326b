"""Runs and logged models, against a real MLflow server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from cuelight.kit.errors import BadInput, NotFound, RegistryUnavailable
from cuelight.registry.mlflow_rest import MlflowRegistry
from cuelight.registry.tracking import Tracking, installed_requirements
from tests.support.ports import free_port

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def tracking(mlflow_server: str) -> Tracking:
    """Runs on the shared server."""
    return Tracking(mlflow_server)


def rows() -> tuple[pd.DataFrame, Any]:
    """Forty rows with a text label that column a decides."""
    inputs = pd.DataFrame({"a": np.arange(40.0), "b": np.arange(40)})
    return inputs, np.where(inputs.a > 20, "high", "low")


def test_a_run_keeps_what_it_is_given(tracking: Tracking, tmp_path: Path) -> None:
    """Parameters, metrics, texts, files and figures of a run are there afterwards, and its URL names it."""
    from matplotlib.figure import Figure

    (tmp_path / "data.bin").write_bytes(bytes(range(256)))
    with tracking.run("tracking/basics", "one", {"why": "test"}) as run:
        run.params({"alpha": 0.1, "note": "x" * 9000})
        run.metrics({"loss": 0.5}, step=3)
        run.text("hällo", "notes/a.txt")
        run.file(tmp_path / "data.bin", "reference")
        run.figure(Figure(), "plots/empty.png")
    assert tracking.download_run_file(run.id, "notes/a.txt", tmp_path / "down").read_text() == "hällo"
    assert tracking.download_run_file(run.id, "reference/data.bin", tmp_path / "down").read_bytes() == bytes(range(256))
    assert tracking.download_run_file(run.id, "plots/empty.png", tmp_path / "down").read_bytes()[:4] == b"\x89PNG"
    kept = tracking._mlflow().get_run(run.id)
    assert (kept.info.status, kept.data.params["alpha"], kept.data.metrics["loss"]) == ("FINISHED", "0.1", 0.5)
    assert kept.data.tags["why"] == "test"
    assert run.url.endswith(f"/runs/{run.id}")


def test_links_lead_where_people_open_mlflow(tracking: Tracking, mlflow_server: str) -> None:
    """Which may be another address than that by which we ask."""
    pages = "https://models.example.com/mlflow"
    with tracking.run("contract/links", "run") as run:
        pass
    shown = run.url.replace(mlflow_server, pages)
    assert shown.startswith(f"{pages}/#/experiments/")
    assert Tracking(mlflow_server, pages=pages).told(run.id)[0] == shown
    assert MlflowRegistry(mlflow_server, pages=pages).run_url(run.id) == shown


def test_a_lasting_run_takes_points_at_any_time(tracking: Tracking) -> None:
    """It is found again by its tags, is never open, and keeps each point with its step and moment."""
    marks = {"cuelight.trend": "3"}
    for step, at in ((0, 1000.0), (10, 1600.0)):
        run = tracking.lasting_run("tracking/trends", "trend", marks)
        run.metrics({"z/input.a": step / 2}, step=step, at=at)
    client = tracking._mlflow().MlflowClient()
    points = [(each.step, each.timestamp, each.value) for each in client.get_metric_history(run.id, "z/input.a")]
    assert points == [(0, 1_000_000, 0.0), (10, 1_600_000, 5.0)]
    assert client.get_run(run.id).info.status == "FINISHED"
    assert tracking.lasting_run("tracking/trends", "trend", {"cuelight.trend": "4"}).id != run.id


def test_a_run_that_raises_is_failed(tracking: Tracking) -> None:
    """An error inside the block is the caller's to see, and MLflow shows the run as FAILED."""
    with pytest.raises(ZeroDivisionError), tracking.run("tracking/basics", "two") as run:
        _ = 1 / 0
    assert tracking._mlflow().get_run(run.id).info.status == "FAILED"


def test_a_forest_is_logged_as_skops(tracking: Tracking, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A tree model is logged in skops format with example and pinned requirements (after MLflow), and says nothing."""
    inputs, labels = rows()
    forest = RandomForestClassifier(3, random_state=0).fit(inputs, labels)
    with tracking.run("tracking/models", "forest") as run:
        source = run.sklearn_model(forest, inputs, forest.predict(inputs))
    folder = tracking.download(source, tmp_path / "model")
    assert source.startswith("models:/m-")
    assert {"MLmodel", "model.skops", "input_example.json", "serving_input_example.json"} <= {
        each.name for each in folder.iterdir()
    }
    assert (folder / "requirements.txt").read_text().splitlines()[1:] == installed_requirements()
    model = tracking._mlflow().sklearn.load_model(str(folder))
    assert list(model.predict(inputs)) == list(labels)
    assert capfd.readouterr() == ("", "")


def test_what_the_allow_list_does_not_cover_is_named(tracking: Tracking) -> None:
    """An estimator that holds a function of its own is refused by name, before anything is logged."""
    inputs, labels = rows()
    smuggler = make_pipeline(FunctionTransformer(pd.DataFrame.abs), RandomForestClassifier(2)).fit(inputs, labels)
    with tracking.run("tracking/models", "smuggler") as run, pytest.raises(BadInput, match="allow-list"):
        run.sklearn_model(smuggler, inputs, labels)


def test_what_is_not_there_is_not_found(tracking: Tracking, tmp_path: Path) -> None:
    """A missing artifact is NotFound."""
    with tracking.run("tracking/basics", "three") as run:
        pass
    with pytest.raises(NotFound):
        tracking.download_run_file(run.id, "nothing.txt", tmp_path)


def test_a_server_that_is_gone_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a server, a run can't start: RegistryUnavailable, with the address."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    port = free_port()
    with pytest.raises(RegistryUnavailable, match=str(port)), Tracking(f"http://127.0.0.1:{port}").run("e", "n"):
        pass
