"""An installation for retraining: a model on a real MLflow, the operations database, and a journal by its writer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from cuelight.journal.query import Journal
from cuelight.kit.clock import FakeClock
from cuelight.operations.database import Operations
from cuelight.pipelines.pipeline import TrainingPipeline
from cuelight.pipelines.retraining.retrainer import Retrainer
from cuelight.pipelines.shipped import doctor_visits
from cuelight.pipelines.train import train
from cuelight.pipelines.workshop import Workshop
from cuelight.registry.mlflow_rest import MlflowRegistry
from cuelight.registry.model import ModelVersion
from cuelight.registry.tracking import Tracking
from cuelight.registry.tracks import alias_map
from tests.support import traffic

START = 1_790_000_000.0
BATCH = 50


@dataclass
class Theatre:
    """One installation, with a model of its own in Production since START."""

    workshop: Workshop
    clock: FakeClock
    operations: Operations
    journal_folder: Path
    pipeline: TrainingPipeline
    scratch: Path
    sent: int = 0

    def retrainer(self, holder: str = "one", **changes: Any) -> Retrainer:
        """A retrainer on this installation."""
        retrainer = Retrainer(
            self.workshop, self.operations, Journal(self.journal_folder), lambda _: self.pipeline, holder
        )
        return replace(retrainer, **changes)

    def ask(self, reason: str = "Quality was lost.") -> None:
        """File a request."""
        assert self.operations.request_retrain(self.pipeline.name, 1, reason, {}, self.clock.now())

    def version(self, number: int) -> ModelVersion:
        """What the registry says."""
        return self.workshop.registry.snapshot().models[self.pipeline.name].versions[number]

    def arrive(self, rows: int, version: int = 1, labels: bool = True) -> list[tuple[str, float, Any, Sequence[Any]]]:
        """Rows of the arriving population are predicted, a request of 50 rows every ten seconds, and labelled."""
        frame = doctor_visits.populations()[1].iloc[self.sent : self.sent + rows]
        self.sent += rows
        requests = []
        for first in range(0, rows, BATCH):
            self.clock.advance(10.0)
            part = frame.iloc[first : first + BATCH]
            features = part[list(doctor_visits.FEATURES)]
            requests.append((f"p{self.sent}-{first}", self.clock.now(), features, part["visited"].tolist()))
        self.write(requests, version, labels)
        return requests

    def write(self, requests: list[tuple[str, float, Any, Sequence[Any]]], version: int, labels: bool = True) -> None:
        """Into the journal."""
        signature = traffic.signature_of(self.workshop.tracking, self.version(1), self.scratch / f"s{self.clock.now()}")
        traffic.record(self.journal_folder, self.version(version), signature, requests, labels)

    def keys(self, version: int, path: str) -> set[tuple[str, int]]:
        """Prediction ids and rows in an artifact of the version's run."""
        folder = self.scratch / f"keys-{version}"
        run_id = self.version(version).run_id
        frame = pd.read_parquet(self.workshop.tracking.download_run_file(run_id, path, folder))
        return set(zip(frame["prediction_id"], frame["row"], strict=True))


@contextmanager
def opened(mlflow_server: str, folder: Path, name: str, **changes: Any) -> Iterator[Theatre]:
    """An installation whose model was trained on plans with free care, and promoted; `changes` are its pipeline's."""
    theatre = entered(mlflow_server, folder, name, START, **changes)
    train(theatre.workshop, theatre.pipeline)
    theatre.workshop.registry.set_stage(name, 1, "Production")
    yield theatre
    theatre.operations.close()


def entered(mlflow_server: str, folder: Path, name: str, now: float, **changes: Any) -> Theatre:
    """An installation as it is; another process has one of its own on the same servers and files."""
    clock = FakeClock(now)
    workshop = Workshop(
        MlflowRegistry(mlflow_server),
        Tracking(mlflow_server),
        folder / "keys",
        alias_map("champion", ""),
        clock=clock,
    )
    operations = Operations(f"sqlite:///{folder / 'operations.db'}", clock=clock)
    pipeline = replace(doctor_visits.pipeline, name=name, **changes)
    return Theatre(workshop, clock, operations, folder / "journal", pipeline, folder)
