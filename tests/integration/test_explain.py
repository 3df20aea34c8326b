"""From a scored request to its explanation: real MLflow, follower and workers, a version that was retrained."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cuelight.cli import explain, history
from cuelight.journal.compactor import Compactor
from cuelight.journal.query import Journal
from cuelight.kit.clock import FakeClock
from cuelight.operations.database import Operations
from cuelight.operations.kinds import MEANINGS, Kind
from cuelight.pipelines.candidates.register import Trained
from cuelight.pipelines.retraining.retrainer import Retrainer
from cuelight.pipelines.shipped import doctor_visits
from cuelight.pipelines.train import train
from cuelight.pipelines.workshop import Workshop
from cuelight.registry import tags
from cuelight.registry.mlflow_rest import MlflowRegistry
from cuelight.registry.tracking import Tracking
from cuelight.registry.tracks import alias_map
from tests.support import traffic
from tests.support.host import POOL, Host, eventually

pytestmark = pytest.mark.server

PIPELINE = replace(doctor_visits.pipeline, name="explained")
REASON, REPORT = "Quality was lost on the plans with a share.", "http://reports/1"


@dataclass
class Loop:
    """One installation on its `host`; `trained` is what a retrain request came to."""

    host: Host
    registry: MlflowRegistry
    operations: Operations
    trained: Trained
    url: str

    def ask(self, number: int) -> str:
        """Score one person; the prediction's id."""
        frame = doctor_visits.populations()[1][list(doctor_visits.FEATURES)].iloc[number : number + 1]
        answer = self.host.score(PIPELINE.name, {"dataframe_split": frame.to_dict(orient="split", index=False)})
        assert answer.status == 200
        return answer.headers["X-Prediction-Id"]

    def explain(self, prediction_id: str, **environment: str) -> dict[str, Any]:
        """What `cuelight explain --json` prints."""
        env = {"CUELIGHT_HOME": str(self.host.settings.home), "CUELIGHT_REGISTRY_URI": self.url, **environment}
        done = CliRunner().invoke(explain.command, [prediction_id, "--json"], env=env, catch_exceptions=False)
        document: dict[str, Any] = json.loads(done.stdout)
        return document


@pytest.fixture(scope="module")
def loop(mlflow_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    """Version 1 in Production, and version 2, which a report asked for, in Staging, as a shadow."""
    home = tmp_path_factory.mktemp("home")
    clock = FakeClock(time.time() - 10_000.0)
    registry, tracking = MlflowRegistry(mlflow_server), Tracking(mlflow_server)
    workshop = Workshop(registry, tracking, home / "keys", alias_map("champion", "challenger"), clock=clock)
    operations = Operations(f"sqlite:///{home / 'operations.db'}", clock=clock, keys=home / "keys")
    train(workshop, PIPELINE)
    registry.set_stage(PIPELINE.name, 1, "Production")
    _arrive(home / "journal", workshop, clock)
    evidence = {"verdict": "degraded", "link": REPORT}
    assert operations.request_retrain(PIPELINE.name, 1, REASON, evidence, clock.now())
    outcome = Retrainer(workshop, operations, Journal(home / "journal"), lambda _: PIPELINE, "one").run_next()
    assert outcome is not None
    assert outcome.trained is not None
    operations.close()
    registry.set_model_tags(PIPELINE.name, {tags.SHADOW: "100"})
    host = Host(home, registry)
    try:
        host.start_server()
        with _follower(host, mlflow_server):
            for version, track in ((1, "Production"), (2, "Staging")):
                host.wait_for(PIPELINE.name, version, track)
            yield Loop(host, registry, operations, outcome.trained, mlflow_server)
    finally:
        host.stop()


def _arrive(journal: Path, workshop: Workshop, clock: FakeClock) -> None:
    """Rows of the arriving population, labelled: 600 of them, 50 a request."""
    version = workshop.registry.snapshot().models[PIPELINE.name].versions[1]
    frame, requests = doctor_visits.populations()[1].iloc[:600], []
    for first in range(0, 600, 50):
        clock.advance(10.0)
        part = frame.iloc[first : first + 50]
        requests.append((f"p{first}", clock.now(), part[list(doctor_visits.FEATURES)], part["visited"].tolist()))
    signature = traffic.signature_of(workshop.tracking, version, journal.parent / "signature")
    traffic.record(journal, version, signature, requests)


@contextmanager
def _follower(host: Host, url: str) -> Iterator[None]:
    """The follower as `cuelight up` runs it, told to stop at the end."""
    names = ("home", "registry_poll_seconds", "registry_artifact_roots", "serving_prepare_seconds")
    env = {f"CUELIGHT_{name.upper()}": str(getattr(host.settings, name)) for name in names}
    with (host.settings.home / "follow.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "cuelight.cli", "follow"],
            env={**os.environ, **env, "CUELIGHT_REGISTRY_URI": url},
            stderr=log,
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(120)


def test_an_answer_is_explained_down_to_its_data(loop: Loop) -> None:
    """From the answer to who put the version there, the run, the data, the request and the report that asked for it."""
    before, earlier = time.time(), loop.host.generation().generation
    loop.registry.set_stage(PIPELINE.name, 2, "Production", archive_others=True)
    loop.host.wait_for(PIPELINE.name, 2)
    first = loop.host.generation().generation
    prediction_id = loop.ask(700)
    last = loop.host.generation().generation
    label = {"labels": [{"prediction_id": prediction_id, "row": 0, "label": 1}]}
    assert POOL.request("POST", f"{loop.host.url}/models/{PIPELINE.name}/feedback", json=label).status == 202

    def told() -> dict[str, Any] | None:  # the history and the journal are written a moment later
        found = loop.explain(prediction_id)
        return found if found["labels"] and (found["in_charge"] or {}).get("before") == 1 else None

    known = eventually(told)

    asked = known["prediction"]
    assert (asked["model"], asked["version"], asked["track"], asked["arm"]) == (
        PIPELINE.name,
        2,
        "Production",
        "champion",
    )
    assert (asked["status"], asked["rows"]) == (200, 1)
    assert first <= asked["generation"] <= last  # two in all: the switch, and a moment later Staging is empty
    held = known["in_charge"]
    assert (held["before"], held["why"]) == (1, "stage")
    assert earlier < held["generation"] <= asked["generation"]
    assert before < held["since"] <= asked["time"] + 1.0
    version = loop.registry.snapshot().models[PIPELINE.name].versions[2]
    training = known["training"]
    assert (training["run_id"], training["run_url"]) == (loop.trained.run_id, loop.trained.run_url)
    assert training["data_fingerprint"] == version.tags[tags.DATA_FINGERPRINT]
    assert (training["because"], training["gate"], training["champion"]) == (REASON, "passed", 1)
    assert training["gate_reason"] == loop.trained.gate.reason
    request = known["retraining"]
    assert (request["reason"], request["report"], request["outcome"]) == (REASON, REPORT, "staged")
    assert [(each["row"], each["label"]) for each in known["labels"]] == [(0, 1)]
    assert known["notes"] == []

    def compacted() -> bool:
        Compactor(loop.host.settings.journal_folder).run_once()
        return not list(loop.host.settings.journal_folder.glob("segments/*/*"))

    eventually(compacted, reason="segments are left")
    assert loop.explain(prediction_id) == known


def test_what_the_shadow_answered_is_there(loop: Loop) -> None:
    """Beside Production's answer stands that of the version in Staging."""
    loop.registry.set_stage(PIPELINE.name, 1, "Staging")
    loop.host.wait_for(PIPELINE.name, 1, "Staging")
    prediction_id = loop.ask(701)
    eventually(lambda: loop.explain(prediction_id)["shadow"], reason="the shadow has not answered")
    known = loop.explain(prediction_id)
    assert (known["shadow"]["version"], known["shadow"]["track"]) == (1, "Staging")
    assert known["traffic"]["shadow"] == 100.0


def test_without_mlflow_the_rest_is_told(loop: Loop) -> None:
    """The history of the retraining knows run, reason and report; the data's fingerprint is MLflow's, and missing."""
    known = loop.explain(loop.ask(702), CUELIGHT_REGISTRY_URI="http://127.0.0.1:9")
    training = known["training"]
    assert (training["run_id"], training["run_url"]) == (loop.trained.run_id, loop.trained.run_url)
    assert (training["because"], training["data_fingerprint"]) == (REASON, None)
    assert known["retraining"]["report"] == REPORT
    assert "is missing" in known["notes"][0]


def test_the_history_is_signed_and_says_what_it_should(loop: Loop) -> None:
    """What the follower wrote is signed, tells who was in charge, and has no detail without a meaning."""
    env = {"CUELIGHT_HOME": str(loop.host.settings.home)}
    assert CliRunner().invoke(history.command, ["--verify"], env=env).exit_code == 0
    told = CliRunner().invoke(history.command, [PIPELINE.name, "--at", "0s", "--json"], env=env)
    (host,) = json.loads(told.stdout)["hosts"]
    assert host["tracks"]["Production"]["version"] == 2
    assert host["tracks"]["Production"]["run_id"] == loop.trained.run_id
    events = loop.operations.history(PIPELINE.name)
    assert {each.kind for each in events} >= {"switched", "traffic", "retrained"}
    for each in events:
        assert set(each.detail) <= set(MEANINGS[Kind(each.kind)].details), each
