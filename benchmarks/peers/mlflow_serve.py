"""`mlflow models serve`, as MLflow's documentation starts it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.models import Model
from benchmarks.peers.peer import Peer, Place
from benchmarks.wire import CSV, PARQUET, Body, split, table

_PATH = "/invocations"


class MlflowServe(Peer):
    """FastAPI on uvicorn, the model behind MLflow's pyfunc."""

    name = "mlflow models serve"
    settings = "`--env-manager local`, `--workers` as said"
    package = "mlflow"

    def command(self, place: Place) -> list[str]:
        served = ["-m", "mlflow", "models", "serve", "-m", str(place.model.mlflow), "--env-manager", "local"]
        return [self.python, *served, "-h", "127.0.0.1", "-p", str(place.port), "--workers", str(place.workers)]

    def variables(self, place: Place) -> Mapping[str, str]:  # noqa: ARG002  it needs none
        return {}

    def single(self, model: Model, frame: Any) -> Body:  # noqa: ARG002  the same for all
        return split(frame, _PATH)

    def batches(self, model: Model, frame: Any) -> list[Body]:
        return [self.single(model, frame), table(frame, _PATH, CSV), table(frame, _PATH, PARQUET)]
