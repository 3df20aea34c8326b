"""The whole of it with artifacts in an object store: train, promote, score, batch. MLflow alone has the store's key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from tests.support import object_store
from tests.support.host import eventually
from tests.support.object_store import ObjectStore
from tests.support.stack import POOL, Up

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]
MODEL = "linear"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """It may be cut off."""
    with object_store.running(tmp_path_factory.mktemp("objects")) as store:
        yield store


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, store: ObjectStore) -> Iterator[Up]:
    """It is started with the store's key in its environment; commands beside it have none."""
    up = Up(tmp_path_factory.mktemp("whole") / "home", mlflow_artifacts=f"s3://{store.bucket}/mlflow")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in store.environment.items():
            patch.setenv(name, value)
        up.start()
    yield up
    up.stop()


def test_from_training_to_an_answer(up: Up, store: ObjectStore, tmp_path: Path) -> None:
    """Files of run and model are in the store and nowhere else; what is served answers while the store is away."""
    for more in ((), ("--no-stage",)):
        trained = up.command_beside("train", MODEL, *more)
        assert trained.returncode == 0, trained.stderr
    keys = store.keys("mlflow/")
    assert any(key.endswith("/MLmodel") for key in keys), keys
    assert not list((up.home / "mlflow").glob("artifacts/**/MLmodel"))
    assert up.command_beside("promote", MODEL, "1").returncode == 0
    described = f"{up.gateway_url}/models/{MODEL}"
    eventually(lambda: production(described) == 1, 120, "it is not served")
    inputs = POOL.request("GET", described).json()["tracks"]["Production"]["inputs"]
    table = pd.DataFrame({each["name"]: [0.0, 1.0, 2.0] for each in inputs})
    rows = {"dataframe_split": table.to_dict("split")}

    store.cut()
    try:
        answer = POOL.request("POST", f"{described}/invocations", json=rows)
        assert answer.status == 200, answer.data
        table.to_parquet(tmp_path / "rows.parquet")
        arguments = ("--input", str(tmp_path / "rows.parquet"), "--output", str(tmp_path / "out"), "--json")
        scored = up.command_beside("batch", MODEL, *arguments)  # from the model store: it needs no artifacts
        assert scored.returncode == 0, scored.stderr
        assert json.loads(scored.stdout)["rows"] == 3
        assert up.command_beside("promote", MODEL, "2").returncode == 0
        says = f"{MODEL} version 2 waits for Production: Not fetched yet: "
        shown = eventually(lambda: status if says in (status := up.command_beside("status").stdout) else "", 120)
        assert f"The artifact store s3://{store.bucket}/mlflow does not answer" in shown
        assert production(described) == 1
    finally:
        store.mend()
    eventually(lambda: production(described) == 2, 120, "it is not taken once the store is back")
    assert json.loads(up.command_beside("status", "--json").stdout)["waiting"] == []
    parts = pd.read_parquet(tmp_path / "out" / "part-00000-000000.parquet")
    assert parts["output.prediction"].tolist() == answer.json()["predictions"]


def production(described: str) -> int:
    """Which version serves; 0: none."""
    answer = POOL.request("GET", described)
    return int(answer.json()["tracks"].get("Production", {}).get("version", 0)) if answer.status == 200 else 0
