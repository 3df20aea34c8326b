"""`cuelight batch` on a real registry, by one process and by a real Dask cluster, which fits searches as well."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from cuelight.cli import batch, history
from cuelight.kit.errors import Misconfigured, Unavailable
from cuelight.pipelines.candidates.candidate import make
from cuelight.pipelines.data import prepare
from cuelight.pipelines.pipeline import TrainingPipeline
from cuelight.pipelines.progress import Silent
from cuelight.pipelines.split import split
from cuelight.pipelines.train import first_lesson
from cuelight.serving.batches import engine
from cuelight.serving.batches.plan import Part, Piece
from cuelight.serving.batches.results import Done
from tests.support.dask_cluster import Cluster, running
from tests.support.host import eventually
from tests.support.models import constant
from tests.support.registered import Registrar

pytestmark = pytest.mark.server
MODEL = "batch"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this installation's data lives."""
    return tmp_path_factory.mktemp("batch") / "home"


@pytest.fixture(scope="module")
def registrar(mlflow_server: str, home: Path) -> Registrar:
    """A version in Production, whose answers make use of all bits."""
    registrar = Registrar(mlflow_server, home / "keys")
    model = constant(0.1)
    model.coef_[:] = [1 / 3, np.pi]
    registrar.registry.set_stage(MODEL, registrar.put(MODEL, model), "Production")
    return registrar


@pytest.fixture(scope="module")
def environment(mlflow_server: str, home: Path) -> Iterator[None]:
    """The settings of all processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUELIGHT_HOME", str(home))
        patch.setenv("CUELIGHT_REGISTRY_URI", mlflow_server)
        yield


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 40 tables of 500 rows."""
    folder = tmp_path_factory.mktemp("rows")
    numbers = np.random.default_rng(7)
    for each in range(40):
        frame = pd.DataFrame(numbers.normal(size=(500, 2)), columns=["a", "b"])
        frame.to_parquet(folder / f"{each:02}.parquet")
    return folder


@pytest.fixture(scope="module")
def scored(rows: Path, registrar: Registrar, environment: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process makes of them."""
    folder = tmp_path_factory.mktemp("scored")
    result = CliRunner().invoke(batch.command, arguments(rows, folder), catch_exceptions=False)
    summary = json.loads(result.stdout)
    assert (summary["version"], summary["rows"], summary["parts"]) == (1, 20_000, 40)
    return folder


@pytest.fixture(scope="module")
def cluster(environment: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers, of which a test kills one."""
    with running(tmp_path_factory.mktemp("dask"), workers=2) as cluster:
        yield cluster


def arguments(rows: Path, output: Path) -> list[str]:
    """How `cuelight batch` is called."""
    return [MODEL, "--input", f"{rows}/*.parquet", "--output", str(output), "--json"]


@contextmanager
def asking(cluster: Cluster, rows: Path, output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command as a process of its own, which has a cluster score."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cuelight.cli", "batch", *arguments(rows, output)],
        env={
            **os.environ,
            "CUELIGHT_DASK_SCHEDULER": cluster.address,
            "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def parts(output: Path) -> list[Path]:
    """The parts that are finished, in their order."""
    return sorted(output.glob("part-*.parquet"))


def test_tables_are_scored_by_the_version_in_production(rows: Path, scored: Path) -> None:
    """The answers are the model's, in order, and the history has a line of it."""
    found = pd.concat([pd.read_parquet(path) for path in parts(scored)])
    tables = {str(path): pd.read_parquet(path) for path in sorted(rows.glob("*"))}
    assert list(zip(found["file"], found["row"], strict=True)) == [(name, i) for name in tables for i in range(500)]
    given = pd.concat(tables.values())
    np.testing.assert_allclose(found["output.prediction"], 0.1 + given["a"] / 3 + given["b"] * np.pi, rtol=1e-12)
    lines = CliRunner().invoke(history.command, [MODEL, "--json"]).stdout.splitlines()
    (line,) = [each for each in map(json.loads, lines) if each["kind"] == "batch"]
    assert (line["version"], line["detail"]["rows"], line["detail"]["engine"]) == (1, 20_000, "this process")


def test_a_search_is_fitted_by_the_workers_and_comes_to_the_same(cluster: Cluster, tmp_path: Path) -> None:
    """Every candidate of a grid is tried by a worker; the best one, its scores and its answers are as without."""
    frame = pd.DataFrame(np.random.default_rng(3).normal(size=(200, 3)), columns=["a", "b", "y"])

    def scored(estimator: Ridge, X: pd.DataFrame, y: Any) -> float:
        (tmp_path / str(os.getpid())).touch()
        return float(estimator.score(X, y))

    pipeline = TrainingPipeline(
        "searched",
        "regression",
        lambda: frame,
        lambda: GridSearchCV(Ridge(), {"alpha": [0.1, 1.0, 10.0, 100.0]}, scoring=scored, cv=3),
        ("rmse",),
        "rmse",
        target="y",
    )
    data = prepare(pipeline, frame)
    parts = split(len(data), 0.2, 0, None, None)
    lesson = first_lesson(data, parts, 0.0, np.array([], dtype=np.intp), "there is none")
    there = make(pipeline, lesson, None, Silent(), cluster.address)
    assert {path.name for path in tmp_path.iterdir()} <= {str(each.pid) for each in cluster.workers}
    here = make(pipeline, lesson, None, Silent())
    assert (tmp_path / str(os.getpid())).exists()
    one, other = (each.estimator for each in (there, here))
    assert one.best_params_ == other.best_params_
    np.testing.assert_array_equal(one.cv_results_["mean_test_score"], other.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(there.answers.prediction, here.answers.prediction)


def test_two_batches_of_the_same_rows_each_have_all_their_files(
    rows: Path, scored: Path, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the workers computed for one, and still hold for it, was written to its output and not to the other's."""
    one, other = tmp_path / "one", tmp_path / "other"
    with asking(cluster, rows, one) as process:
        eventually(lambda: parts(one), reason="no part was scored")
        process.send_signal(signal.SIGSTOP)
        monkeypatch.setenv("CUELIGHT_DASK_SCHEDULER", cluster.address)
        result = CliRunner().invoke(batch.command, arguments(rows, other), catch_exceptions=False)
        assert json.loads(result.stdout)["scored"] == 20_000
        process.send_signal(signal.SIGCONT)
        process.communicate(timeout=120)
    for output in (one, other):
        assert [path.read_bytes() for path in parts(output)] == [path.read_bytes() for path in parts(scored)]


def test_a_cluster_gives_the_same_bytes_though_a_worker_is_killed(
    rows: Path, scored: Path, cluster: Cluster, tmp_path: Path
) -> None:
    """A worker stops while it holds parts, and is killed: another one scores them, and nothing is there twice."""
    output = tmp_path / "out"
    with asking(cluster, rows, output) as process:
        eventually(lambda: parts(output), reason="no part was scored")
        cluster.workers[0].send_signal(signal.SIGSTOP)
        eventually(lambda: len(parts(output)) > 30, reason="the other worker does not go on")
        assert process.poll() is None, "the batch ended without the parts of a worker that stands still"
        cluster.workers[0].kill()
        told, _ = process.communicate(timeout=120)
    summary = json.loads(told)
    assert (summary["rows"], summary["scored"], summary["engine"]) == (20_000, 20_000, f"Dask at {cluster.address}")
    assert [path.name for path in parts(output)] == [path.name for path in parts(scored)]
    assert [path.read_bytes() for path in parts(output)] == [path.read_bytes() for path in parts(scored)]


def test_workers_that_are_all_gone_are_told(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they go that can't read what they are to do. A scheduler that can't, here for want of these tests, is told."""
    monkeypatch.setattr(engine, "_LOOK_SECONDS", 0.1)
    monkeypatch.setattr(engine, "_PATIENCE_SECONDS", 0.2)
    part = Part("part-00000-000000", "key", "rows.csv", "csv", "a,b", Piece(0, 1, 0, 1))

    def end(_: Part) -> Done:
        os._exit(1)

    with pytest.raises(Unavailable, match="no workers any more: is this Cuelight installed"):
        list(engine.engine(cluster.address).run(end, [part]))
    cluster.hire()
    with pytest.raises(Misconfigured, match="needs this Cuelight where it runs"):
        list(engine.engine(cluster.address).run(unknown_elsewhere, [part]))


def unknown_elsewhere(part: Part) -> Done:
    """Is in no module that others have."""
    raise NotImplementedError(part)


def test_a_scheduler_that_goes_is_told_and_what_is_finished_stays(
    rows: Path, scored: Path, cluster: Cluster, tmp_path: Path
) -> None:
    """The last test here, since the cluster ends with it; without one, the same command goes on with its parts."""
    output, worker = tmp_path / "out", cluster.workers[-1]
    with asking(cluster, rows, output) as process:
        eventually(lambda: parts(output), reason="no part was scored")
        worker.send_signal(signal.SIGSTOP)
        assert cluster.scheduler is not None
        cluster.scheduler.kill()
        _, said = process.communicate(timeout=120)
    worker.kill()
    told = [line for line in said.decode().splitlines() if line.startswith("cuelight: ")]
    assert (process.returncode, b"Traceback" in said) == (1, False), said.decode()
    assert told == [
        f"cuelight: Dask at {cluster.address} has gone, or begun anew. What is finished stays: give the command again."
    ]
    again = json.loads(CliRunner().invoke(batch.command, arguments(rows, output), catch_exceptions=False).stdout)
    assert 0 < again["scored"] < again["rows"] == 20_000
    assert [path.read_bytes() for path in parts(output)] == [path.read_bytes() for path in parts(scored)]
