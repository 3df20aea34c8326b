"""All programs over one PostgreSQL, MLflow's tables and the operations: it is killed under them, and comes back."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from cuelight.gateway.places import Places
from cuelight.kit.settings import Settings
from cuelight.operations.database import Operations
from cuelight.operations.host import Host, Record
from cuelight.operations.retraining import FINISHED, NOT_ENOUGH, RetrainRequest
from tests.support.host import eventually
from tests.support.load import Load, steady
from tests.support.models import ZEROS
from tests.support.postgres import Postgres
from tests.support.registered import Registrar
from tests.support.stack import POOL, Up

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

MODEL = "steadfast"
# Its data is there once a test says so: a retraining that is at work for as long as is wanted.
PIPELINE = f"""
import time
from pathlib import Path
import pandas as pd
from sklearn.linear_model import LinearRegression
from cuelight.pipelines.pipeline import TrainingPipeline

def load():
    Path("at-work").touch()
    while not Path("go-on").exists():
        time.sleep(0.1)
    return pd.DataFrame({{"a": [0.0, 1.0] * 20, "b": [1.0, 0.0] * 20, "y": [0.0, 1.0] * 20}})

pipeline = TrainingPipeline({MODEL!r}, "regression", load, LinearRegression, ("rmse",), "rmse", target="y")
"""


@dataclass(frozen=True)
class Scene:
    """An installation with one model in Production, and the server that it keeps all of its tables in."""

    up: Up
    server: Postgres
    registrar: Registrar
    operations: Operations

    @contextmanager
    def undisturbed(self) -> Iterator[Load]:
        """Requests come without a break; none fails, every program lives on, and none of them says more than a line."""
        before = self._processes()
        with steady(self.up.gateway_url, MODEL, ZEROS, connections=2, pause=0.1) as load:
            yield load
            answered = len(load.all)
            eventually(lambda: len(load.all) > answered + 10)
        assert load.failed == []
        assert load.backward() == []
        assert self._processes() == before
        assert self._outbursts() == []
        assert self.operations.verify() == []
        told = Counter((each.kind, each.model, each.version, each.at) for each in self.operations.history())
        assert set(told.values()) == {1}

    def promote(self, answer: float) -> int:
        """A new version into Production, as a person does."""
        version = self.registrar.add(MODEL, answer)
        self.registrar.registry.set_stage(MODEL, version, "Production", archive_others=True)
        return version

    def wait_for(self, version: int) -> None:
        """Until it answers, its tags say so, and the history has told of it, each thing once."""
        eventually(lambda: self._serves(version), reason=f"version {version} is not served")
        told = [("moved", "Production"), ("switched", "Production")]
        eventually(lambda: len(self._told(version)) >= len(told), reason="the history does not tell of it")
        assert sorted(self._told(version)) == told
        eventually(lambda: self._state(version) == "serving", reason="its tags do not say so")

    def wait_for_leases(self) -> None:
        """Until who holds them has renewed each, or somebody has taken it again."""
        for name in ("scheduler", "hosts"):
            last = self._expires(name)
            eventually(lambda name=name, last=last: self._expires(name) > last, reason=f"nobody holds {name}")  # type: ignore[misc]

    def retraining(self) -> RetrainRequest:
        """The request that there is."""
        (found,) = self.operations.retrains(MODEL)
        return found

    @contextmanager
    def complaint(self, logs: str, words: str) -> Iterator[None]:
        """What is done in the block has these words come up in one of these logs."""
        before = self._counted(logs, words)
        yield
        eventually(lambda: self._counted(logs, words) > before, reason=f"{logs} do not say {words}")

    def _counted(self, logs: str, words: str) -> int:
        return sum(path.read_text().count(words) for path in self.up.home.glob(logs))

    def _serves(self, version: int) -> bool:
        tracks = POOL.request("GET", f"{self.up.url}/models/{MODEL}").json()["tracks"]
        return bool(tracks["Production"]["version"] == version)

    def _told(self, version: int) -> list[tuple[str, str]]:
        events = self.operations.history(MODEL, kinds=("moved", "switched"))
        return [
            (each.kind, each.detail.get("stage") or each.detail["track"]) for each in events if each.version == version
        ]

    def _state(self, version: int) -> str:
        return self.registrar.registry.snapshot().models[MODEL].versions[version].tags.get("cuelight.state", "")

    def _expires(self, name: str) -> float:
        lease = self.operations.lease(name)
        assert lease is not None
        return lease.expires

    def _processes(self) -> dict[str, tuple[int, float]]:
        return {name: (each.pid, each.create_time()) for name, each in self.up.programs().items()}

    def _outbursts(self) -> list[str]:
        """Lines of logs that are, or hold, a traceback or a statement."""
        logs = [*self.up.home.glob("logs/*.log"), *self.up.home.glob("monitoring/logs/*.log")]
        marks = ("Traceback", '"trace"', "sqlalche.me", "[SQL:")
        lines = [f"{path.name}: {line}" for path in logs for line in path.read_text().splitlines()]
        return [each for each in lines if any(mark in each for mark in marks)]


@pytest.fixture(scope="module")
def server(postgres_server: Postgres) -> Iterator[Postgres]:
    """The run's own: it is up again, whatever becomes of a test."""
    yield postgres_server
    postgres_server.start()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, server: Postgres) -> Iterator[Scene]:
    """All is up, by the one setting, and version 1 answers."""
    folder, url = tmp_path_factory.mktemp("database-outage"), server.url()
    (folder / "slow_pipeline.py").write_text(PIPELINE)
    (folder / "cuelight.toml").write_text(f'[pipelines]\n{MODEL} = "slow_pipeline:pipeline"\n')
    up = Up(
        folder / "home",
        database_url=url,
        registry_poll_seconds=0.5,
        hosts_heartbeat_seconds=0.5,
        hosts_silent_seconds=4.0,
        monitoring_schedule="off",
    )
    try:
        up.start()
        made = Scene(up, server, Registrar(up.mlflow_url, up.home / "keys"), Operations(url))
        first = made.promote(1.0)
        eventually(partial(made._serves, first), reason="version 1 is not served")
        yield made
        made.operations.close()
    finally:
        server.start()
        up.stop()


def test_a_restart_while_nothing_happens(scene: Scene) -> None:
    """The board says what it knows meanwhile; what is promoted afterwards is taken, and leases are held again."""
    with scene.undisturbed() as load:
        with scene.complaint("logs/follower.log", '"registry-unavailable"'):
            scene.server.end(signal.SIGQUIT)
        assert POOL.request("GET", f"{scene.up.gateway_url}/").status == 200
        answered = len(load.all)
        eventually(lambda: len(load.all) > answered + 10)
        scene.server.start()
        scene.wait_for_leases()
        scene.wait_for(scene.promote(2.0))


def test_a_restart_in_the_middle_of_a_promotion(scene: Scene) -> None:
    """It goes through; and one that is made as soon as MLflow can be reached again is not passed over."""
    with scene.undisturbed():
        second = scene.promote(3.0)
        scene.server.restart(signal.SIGKILL)
        scene.wait_for(second)
        third = scene.registrar.add(MODEL, 4.0)
        scene.server.restart(signal.SIGQUIT)
        move = partial(scene.registrar.registry.set_stage, MODEL, third, "Production", archive_others=True)
        eventually(lambda: [move()])
        scene.wait_for(third)
        scene.wait_for_leases()


def test_a_restart_while_a_job_is_due_and_while_it_runs(scene: Scene) -> None:
    """The scheduler starts what became due while the database was away, and what runs comes to its end, once."""
    with scene.undisturbed():
        scheduler = scene.up.programs()["run"]
        scheduler.suspend()
        assert scene.operations.request_retrain(MODEL, None, "A test asks for it.", {}, time.time())
        with scene.complaint("logs/scheduler.log", '"tick-failed"'):
            scene.server.end(signal.SIGQUIT)
            scheduler.resume()
        scene.server.start()
        eventually((scene.up.home.parent / "at-work").exists, reason="the retraining is not started")
        with scene.complaint("monitoring/logs/*.log", '"database-waited-for"'):
            scene.server.end(signal.SIGKILL)
            (scene.up.home.parent / "go-on").touch()
        scene.server.start()
        eventually(lambda: scene.retraining().state == FINISHED, reason="the retraining does not end")
        eventually(lambda: scene.operations.jobs()["retrain"].ended, reason="the scheduler does not see it end")
    assert (scene.retraining().outcome, scene.retraining().token) == (NOT_ENOUGH, 1)
    job = scene.operations.jobs()["retrain"]
    assert (job.code, job.failures) == (0, 0)
    about = [each.kind for each in scene.operations.history() if "request" in each.detail or "job" in each.detail]
    assert about == ["retrain-requested", "retrained"]


def test_the_gateway_follows_hosts_again(scene: Scene) -> None:
    """A host that comes after all that gets its requests."""

    def unchanged(record: Record, _: Sequence[Host]) -> Record:
        return record

    elsewhere = Record(name="elsewhere", folder="another", address="127.0.0.1", port=scene.up.serving_port)
    with scene.undisturbed():
        scene.server.restart(signal.SIGKILL)
        assert scene.operations.beat(elsewhere, unchanged, 60.0, candidate=False)
        known = Places(Settings(home=scene.up.home).gateway_folder).hosts
        eventually(lambda: "elsewhere" in Path(known).read_text(), reason="the gateway does not find it")
