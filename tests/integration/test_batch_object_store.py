"""`cuelight batch` from one object store's bucket into it, killed in the middle."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from cuelight.cli import batch
from tests.support.host import eventually
from tests.support.models import constant
from tests.support.object_store import ObjectStore
from tests.support.registered import Registrar

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]
MODEL, FOLDER = "batched-from-objects", "batch"
TABLES, ROWS = 30, 500


@pytest.fixture(scope="module")
def environment(
    mlflow_server: str, object_store: ObjectStore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A version in Production, and the settings of all processes; the folder has the tables, and so has the store."""
    folder = tmp_path_factory.mktemp("objects")
    registrar = Registrar(mlflow_server, folder / "home" / "keys")
    model = constant(0.1)
    model.coef_[:] = [1 / 3, np.pi]
    registrar.registry.set_stage(MODEL, registrar.put(MODEL, model), "Production")
    numbers = np.random.default_rng(7)
    (folder / "rows").mkdir()
    for each in range(TABLES):
        frame = pd.DataFrame(numbers.normal(size=(ROWS, 2)), columns=["a", "b"])
        frame.to_parquet(path := folder / "rows" / f"{each:02}.parquet")
        object_store.put(f"{FOLDER}/rows/{path.name}", path.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUELIGHT_HOME", str(folder / "home"))
        patch.setenv("CUELIGHT_REGISTRY_URI", mlflow_server)
        for name, value in object_store.environment.items():
            patch.setenv(name, value)
        yield folder


def arguments(source: str, target: str) -> list[str]:
    """How `cuelight batch` is called."""
    return [MODEL, "--input", f"{source}/*.parquet", "--output", target, "--json"]


def scored(source: str, target: str) -> dict[str, Any]:
    """The summary of a batch that came to its end."""
    result = CliRunner().invoke(batch.command, arguments(source, target), catch_exceptions=False)
    summary: dict[str, Any] = json.loads(result.stdout)
    return summary


def objects(store: ObjectStore, output: str) -> dict[str, bytes]:
    """The parts that are there, by their names' order."""
    return {key.rpartition("/")[2]: store.read(key) for key in store.keys(f"{FOLDER}/{output}/part-")}


def test_killed_in_the_middle_it_goes_on(object_store: ObjectStore, environment: Path) -> None:
    """No part twice, none half, no row lost: what one run makes in one go, to the byte; and what it makes locally."""
    store, source = object_store, f"s3://{object_store.bucket}/{FOLDER}"
    process = subprocess.Popen(
        [sys.executable, "-m", "cuelight.cli", "batch", *arguments(f"{source}/rows", f"{source}/killed")],
        env=dict(os.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        eventually(lambda: len(store.keys(f"{FOLDER}/killed/part-")) >= 3, 120, "no part comes")
        process.send_signal(signal.SIGSTOP)  # so that it is in the middle of something when it is killed
        before = objects(store, "killed")
        assert 3 <= len(before) < TABLES
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    assert f"{FOLDER}/killed/_SUCCESS" not in store.keys(f"{FOLDER}/killed/")

    summary = scored(f"{source}/rows", f"{source}/killed")
    assert (summary["rows"], summary["parts"]) == (TABLES * ROWS, TABLES)
    assert summary["scored"] <= (TABLES - len(before)) * ROWS
    after = objects(store, "killed")
    assert {name: after[name] for name in before} == before
    assert scored(f"{source}/rows", f"{source}/killed")["scored"] == 0

    assert scored(f"{source}/rows", f"{source}/whole")["scored"] == TABLES * ROWS
    assert objects(store, "whole") == after
    scored(str(environment / "rows"), str(environment / "scored"))
    for name, content in after.items():
        here = pq.read_table(environment / "scored" / name)
        there = pq.read_table(io.BytesIO(content))
        assert there.drop(["file"]).equals(here.drop(["file"]))
        paths = {Path(each).name for each in (*set(there["file"].to_pylist()), *set(here["file"].to_pylist()))}
        assert paths == {f"{name[5:10][-2:]}.parquet"}
    assert list(after) == [f"part-{each:05d}-000000.parquet" for each in range(TABLES)]


def test_an_output_that_breaks_off_leaves_no_object(object_store: ObjectStore, environment: Path) -> None:
    """The store goes away while parts are written: it is told plainly, and the same command goes on afterwards."""
    store, source = object_store, f"s3://{object_store.bucket}/{FOLDER}"
    process = subprocess.Popen(
        [sys.executable, "-m", "cuelight.cli", "batch", *arguments(f"{source}/rows", f"{source}/cut")],
        env=dict(os.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        eventually(lambda: store.keys(f"{FOLDER}/cut/part-"), 120, "no part comes")
        store.cut()
        _, said = process.communicate(timeout=120)
    finally:
        store.mend()
        process.kill()
        process.wait(30)
    assert process.returncode == 1, said
    assert b"Traceback" not in said, said
    for content in objects(store, "cut").values():
        assert pq.read_table(io.BytesIO(content)).num_rows == ROWS
    assert scored(f"{source}/rows", f"{source}/cut")["rows"] == TABLES * ROWS
    assert len(objects(store, "cut")) == TABLES
