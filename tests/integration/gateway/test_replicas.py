"""Two real serving hosts behind the real gateway: they come, drain, die and go, and no request fails by it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from cuelight.cli.main import cuelight
from cuelight.cli.stack.served import served
from cuelight.cli.stack.standings import standings
from cuelight.journal.compactor import Compactor
from cuelight.journal.layout import REQUESTS
from cuelight.journal.query import Journal, Query
from cuelight.kit.settings import Settings
from cuelight.operations import replicas
from tests.support.callers import calling, heard
from tests.support.host import eventually
from tests.support.load import Load, steady
from tests.support.models import ZEROS
from tests.support.registered import Registrar
from tests.support.stack import POOL, Up

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]
MODEL = "fleet"
QUICK = {
    "serving_workers": 1,
    "serving_cache_bytes": 0,
    "journal_segment_seconds": 1,
    "registry_poll_seconds": 0.5,
    "gateway_slow_start_seconds": 0,
}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, mlflow_server: str) -> Iterator[Up]:
    """`cuelight up --replicas 2`, with a version in Production that both serve."""
    stack = Up(tmp_path_factory.mktemp("fleet") / "home", mlflow_server, replicas=2, **QUICK)
    registrar = Registrar(mlflow_server, stack.home / "keys")
    version = registrar.add(MODEL, 1.0)
    registrar.registry.set_stage(MODEL, version, "Production")
    try:
        stack.start()
        eventually(lambda: _serving(stack) == {"replica-1", "replica-2"}, reason="not both serve it")
        yield stack
    finally:
        stack.stop()


def _status(up: Up) -> dict[str, Any]:
    """What the command says, in this process: it is asked often."""
    ended = CliRunner().invoke(cuelight, ["status", "--json"], env=up.environment)
    document: dict[str, Any] = json.loads(ended.stdout) if ended.exit_code == 0 else {"replicas": []}
    return document


def _serving(up: Up) -> set[str]:
    """The replicas that have a version of it in Production; the registry may hold other models as well."""
    members = replicas.read(Settings(home=up.home))
    return {each.name for each in members if (MODEL, "Production") in served(each, {})}


@contextmanager
def _load(up: Up, pause: float = 0.01) -> Iterator[Load]:
    """Requests through the gateway all the while, some before and some after; none fails, each is on record once.

    The pause of a caller (s) leaves the machine to those who come and go: a command takes many seconds otherwise.
    """
    with steady(up.gateway_url, MODEL, ZEROS, pause=pause) as load:
        eventually(lambda: len(load.all) > 100)
        yield load
        enough = len(load.all) + 100
        eventually(lambda: len(load.all) > enough)
    assert not load.failed
    answered = Counter(each.prediction_id for each in load.all)
    assert set(answered.values()) == {1}
    eventually(lambda: _recorded(up) >= answered, reason="an answer is not on record")
    assert set(_recorded(up).values()) == {1}


def _recorded(up: Up) -> Counter[str]:
    table = Journal(up.home / "journal").requests_table(Query(MODEL), ["prediction_id"])
    return Counter(table["prediction_id"].to_pylist())


def _are_ready(up: Up) -> bool:
    return [each["state"] for each in _status(up)["replicas"]] == ["ready", "ready"]


def _done(up: Up, *arguments: str) -> str:
    ended = up.command_here(*arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_both_serve_and_are_one_journal(up: Up) -> None:
    """Each has its share; what they record is read as one, by the names of two hosts; `status` shows both."""
    with _load(up) as load:
        pass
    hosts = {path.name for path in (up.home / "journal" / REQUESTS).glob("model=*/date=*/host=*")}
    assert hosts >= {"host=local", "host=local-replica-2"}
    shown = _status(up)
    assert MODEL in [model["name"] for model in shown["models"]]
    assert [each["state"] for each in shown["replicas"]] == ["ready", "ready"]
    assert sum(each["share"] for each in shown["replicas"]) == pytest.approx(1.0)
    assert min(each["share"] for each in shown["replicas"]) > 0.2
    assert len(load.all) > 200


def test_more_and_fewer_under_load(up: Up) -> None:
    """A third comes and has requests, and goes again: nobody notices, and what it recorded stays."""
    with _load(up):
        assert "replica-3 takes requests" in _done(up, "scale", "3")
        eventually(lambda: _seen(up)["replica-3"].requests > 50)
        assert "replica-3 is gone" in _done(up, "scale", "2")
    assert "replica-3" not in _seen(up)
    assert {each["name"] for each in _status(up)["replicas"]} == {"replica-1", "replica-2"}
    recorded = up.home / "journal" / REQUESTS
    assert eventually(lambda: list(recorded.glob("model=*/date=*/host=local-replica-3/*.parquet")))
    assert not list((up.home / "journal" / "segments" / "local-replica-3").glob("*.open"))


@pytest.mark.parametrize("name", ["replica-2", "replica-1"])
def test_one_drains_and_comes_back_under_load(up: Up, name: str) -> None:
    """The other answers all meanwhile; the first one has no privilege."""
    other = {"replica-1": "replica-2", "replica-2": "replica-1"}[name]
    with _load(up):
        assert "drained and stopped" in _done(up, "drain", name)
        states = {each["name"]: each["state"] for each in _status(up)["replicas"]}
        assert states == {name: "drained", other: "ready"}
        last = up.command_here("drain", other)
        assert (last.returncode, "last replica" in last.stderr) == (1, True)
        assert "takes requests again" in _done(up, "drain", name, "--undo")
        before = _seen(up)[name].requests
        eventually(lambda: _seen(up)[name].requests > before)


def test_a_replica_killed_whole_is_missed_by_nobody(up: Up) -> None:
    """All its processes by SIGKILL at once: what it had not answered another one does, and it is started anew."""
    with _load(up, pause=0.0):  # it always has requests that it has not answered
        victims = _processes(up, "replica-2")
        assert len(victims) >= 3  # server, worker, follower
        for each in victims:
            each.kill()
        psutil.wait_procs(victims, 10)
        eventually(lambda: _are_ready(up), reason="it does not come back")


def test_a_label_may_come_to_another_replica(up: Up) -> None:
    """The row is one replica's, its label is recorded by the other, and they are joined."""
    eventually(lambda: _are_ready(up))
    urls = {each["name"]: each["url"] for each in _status(up)["replicas"]}
    path = f"/models/{MODEL}/invocations"
    asked = POOL.request("POST", urls["replica-1"] + path, json=ZEROS).headers["X-Prediction-Id"]
    label = {"labels": [{"prediction_id": asked, "row": 0, "label": 1.5}]}
    told = POOL.request("POST", f"{urls['replica-2']}/models/{MODEL}/feedback", json=label)
    assert told.status == 202, told.data

    def joined() -> list[float]:
        Compactor(up.home / "journal").run_once()
        table = Journal(up.home / "journal").labelled_table(Query(MODEL, id=asked))
        return list(table["label"].to_pylist())

    assert eventually(joined) == [1.5]


def test_the_whole_ends_and_who_was_let_in_is_answered(up: Up) -> None:
    """SIGTERM at `cuelight up` under load, as the last of this module: the gateway's door closes before all else."""
    eventually(lambda: _are_ready(up))
    path = f"/models/{MODEL}/invocations"
    with calling(up.gateway_port, 6, path, json.dumps(ZEROS).encode()) as callers:
        eventually(lambda: heard(callers).total() > 100)
        up.stop()
    assert heard(callers).keys() == {"200"}


def _seen(up: Up) -> Any:
    return standings(Settings(gateway_admin_port=up.gateway_admin_port))


def _processes(up: Up, replica: str) -> list[psutil.Process]:
    """All processes of one replica."""
    return [each for each in up.family() if each.environ().get("CUELIGHT_SERVING_REPLICA") == replica]
