"""What a batch takes: rows a second of `cuelight batch`, alone and by Dask workers, of a plain loop, and of MLflow."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import environments, models
from benchmarks.drift_jobs import mlflow_server
from benchmarks.models import Model
from benchmarks.processes import PYTHON, QUIET, process
from benchmarks.tables import Table
from cuelight.registry.mlflow_rest import MlflowRegistry
from cuelight.registry.tracking import Tracking

PUBLISHED = Path(__file__).parent / "batches.json"
PAGE = environments.ROOT / "docs" / "batch-figures.md"
_FILES = 8
_LOOP = """
import sys
from pathlib import Path
import mlflow.sklearn, pandas as pd
model = mlflow.sklearn.load_model(sys.argv[1])
target = Path(sys.argv[3])
target.mkdir()
for path in sorted(Path(sys.argv[2]).glob("*.parquet")):
    frame = pd.read_parquet(path)
    pd.DataFrame({"prediction": model.predict(frame)}).to_parquet(target / path.name)
"""


@dataclass(frozen=True)
class Size:
    """Rows in all, and how often each way is taken."""

    rows: int = 4_000_000
    rounds: int = 3


def measure(folder: Path, size: Size) -> Iterator[list[str]]:
    """Seconds of each whole command, and what that is in rows a second; the way's start is part of it."""
    with mlflow_server(folder / "mlflow") as uri:
        for name in (models.LINEAR, models.FOREST):
            model = models.make(name, folder / name)
            rows = _tables(model, folder / name / "rows", size.rows)
            _register(model, uri)
            for way, taken in _ways(model, rows, folder / name, uri, size.rounds):
                seconds = statistics.median(taken)
                spread = f"{min(taken):.1f} to {max(taken):.1f}"
                yield [name, way, f"{seconds:.1f}", spread, f"{size.rows / seconds:,.0f}"]


def table(rows: list[list[str]]) -> Table:
    """The figures."""
    return Table("Batches: medians", ["model", "way", "seconds", "least and greatest", "rows/s"], rows)


def _ways(model: Model, rows: Path, folder: Path, uri: str, rounds: int) -> Iterator[tuple[str, list[float]]]:
    loop = [PYTHON, "-c", _LOOP, str(model.mlflow), str(rows)]
    yield "plain loop, Parquet", [_seconds([*loop, str(folder / f"loop-{each}")], {}) for each in range(rounds)]
    predict = [PYTHON, "-m", "mlflow", "models", "predict", "-m", str(model.mlflow), "--env-manager", "local"]
    predict += ["-t", "csv", "-i", str(rows / "all.csv"), "-o", str(folder / "predicted.json")]
    yield "`mlflow models predict`, CSV", [_seconds(predict, {}) for _ in range(rounds)]
    home = {
        "CUELIGHT_HOME": str(folder / "home"),
        "CUELIGHT_REGISTRY_URI": uri,
        "CUELIGHT_TRUST_UNSIGNED": "true",  # nobody signs what is only measured
    }
    batch = [PYTHON, "-m", "cuelight.cli", "batch", model.name, "--json"]
    parquet = [*batch, "--input", f"{rows}/*.parquet"]
    _seconds([*parquet, "--output", str(folder / "tried")], home)  # its trial is not timed
    for kind, command in (("Parquet", parquet), ("CSV", [*batch, "--input", str(rows / "all.csv")])):
        taken = [_batch(command, folder / f"{kind}-{each}", home) for each in range(rounds)]
        yield f"`cuelight batch`, {kind}", taken
    for workers in (1, 2):
        with ExitStack() as stack:
            cluster = home | {"CUELIGHT_DASK_SCHEDULER": _cluster(stack, folder / f"dask-{workers}", workers, home)}
            _batch(parquet, folder / f"warm-{workers}", cluster)  # workers import and load what they will have then
            taken = [_batch(parquet, folder / f"dask-{workers}-{each}", cluster) for each in range(rounds)]
        yield f"`cuelight batch`, Parquet, Dask with {workers} worker{'s' if workers > 1 else ''}", taken


def _batch(command: Sequence[str], output: Path, variables: Mapping[str, str]) -> float:
    return _seconds([*command, "--output", str(output)], variables)


def _seconds(command: Sequence[str], variables: Mapping[str, str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(command, env={**os.environ, **QUIET, **variables}, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:6])} ended with {done.returncode}: {done.stderr.decode()[-500:]}")
    return time.perf_counter() - began


def _cluster(stack: ExitStack, folder: Path, workers: int, variables: Mapping[str, str]) -> str:
    """The address of a scheduler with so many workers of one thread, which end with `stack`."""
    folder.mkdir()
    file, log = folder / "scheduler.json", folder / "log"
    dask = [PYTHON, "-m", "dask"]
    common = ["--scheduler-file", str(file), "--no-dashboard"]
    stack.enter_context(process([*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", *common], {}, log))
    _until(lambda: file.exists())
    for _ in range(workers):
        stack.enter_context(process([*dask, "worker", "--nthreads", "1", "--no-nanny", *common], variables, log))
    _until(lambda: log.read_text().count("Registered to") == workers)
    return str(json.loads(file.read_text())["address"])


def _until(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60.0
    while not there():
        if time.monotonic() > deadline:
            raise RuntimeError("The Dask cluster did not come up.")
        time.sleep(0.05)


def _tables(model: Model, folder: Path, rows: int) -> Path:
    """The model's rows over and over: in files of Parquet, and all in one CSV."""
    import pandas as pd

    folder.mkdir(parents=True)
    per = rows // _FILES
    frame = pd.concat([model.frame] * -(-per // len(model.frame)), ignore_index=True)[:per]
    for number in range(_FILES):
        frame.to_parquet(folder / f"{number}.parquet", index=False, row_group_size=100_000)
        frame.to_csv(folder / "all.csv", mode="a", header=not number, index=False)
    return folder


def _register(model: Model, uri: str) -> None:
    tracking, registry = Tracking(uri), MlflowRegistry(uri)
    with tracking.run("batches", model.name) as run:
        source = run.sklearn_model(model.estimator, model.frame, model.estimator.predict(model.frame))
    registry.create_model(model.name)
    registry.set_stage(model.name, registry.create_version(model.name, source, run.id, {}).version, "Production")
