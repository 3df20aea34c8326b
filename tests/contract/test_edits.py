"""Who edits models in a real MLflow server, as its app tells it."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import urllib3

from cuelight.kit.errors import BadInput, NotFound, RegistryUnavailable
from cuelight.kit.identity import new_id
from cuelight.registry.edit_feed import MlflowFeed
from cuelight.registry.edits import PATH, Edit
from tests.support.editing import EditedMlflow
from tests.support.host import eventually
from tests.support.mlflow_server import MlflowServer, running

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

_POOL = urllib3.PoolManager(maxsize=200, retries=False)


@pytest.fixture
def name() -> str:
    """A model's name that no other test has."""
    return f"edits {new_id()}"


def _newest(url: str) -> int:
    return MlflowFeed(url).read(0, 0.0)[1]


def _connected(url: str) -> int:
    """How many connections from here the server has taken and not closed."""
    port = int(url.rpartition(":")[2])
    open_here = [each for each in psutil.net_connections("tcp") if each.laddr and each.laddr.port == port]
    return sum(each.status == psutil.CONN_ESTABLISHED and each.pid is not None for each in open_here)


def _told(url: str, name: str, count: int, after: int = 0) -> list[Edit]:
    """The model's edits, once there are `count`."""

    def edits() -> list[Edit]:
        found = [each for each in MlflowFeed(url).read(after, 0.0)[0] if each.model == name]
        return found if len(found) >= count else []

    return list(eventually(edits))


def _plain(edits: list[Edit]) -> list[tuple[str, int | None, str, str]]:
    return [(each.what.value, each.version, each.name, each.value) for each in edits]


def _with_two_versions(url: str, name: str) -> EditedMlflow:
    registry = EditedMlflow(url)
    registry.create_model(name)
    for _ in range(2):
        registry.create_version(name, "s3://bucket/folder", "", {})
    return registry


def test_every_edit_is_told(mlflow_server: str, name: str) -> None:
    """Stages, aliases, Cuelight's tags on models, deleted versions: in their order, with moment and address."""
    before = time.time()
    registry = _with_two_versions(mlflow_server, name)
    registry.set_stage(name, 1, "Staging")
    registry.set_stage(name, 2, "Production", archive_others=True)
    registry.set_alias(name, "champion", 1)
    registry.delete_alias(name, "champion")
    registry.set_model_tags(name, {"cuelight.canary": "10", "owner": "me"})
    registry.set_version_tags(name, 1, {"cuelight.state": "ready"})
    registry.delete_version(name, 2)
    edits = _told(mlflow_server, name, 6)
    assert _plain(edits) == [
        ("stage", 1, "", "Staging"),
        ("stage", 2, "", "Production"),
        ("alias", 1, "champion", ""),
        ("alias removed", None, "champion", ""),
        ("tag", None, "cuelight.canary", "10"),
        ("version deleted", 2, "", ""),
    ]
    assert {(each.by, each.client) for each in edits} == {("", "127.0.0.1")}
    assert before <= edits[0].at <= edits[-1].at <= time.time()


def test_mlflows_own_client_is_heard(mlflow_server: str, name: str) -> None:
    """Teams promote by it, too."""
    from mlflow import MlflowClient

    _with_two_versions(mlflow_server, name)
    client = MlflowClient(mlflow_server, mlflow_server)
    client.transition_model_version_stage(name, "1", "production")
    client.set_registered_model_alias(name, "champion", "2")
    client.set_registered_model_tag(name, "cuelight.shadow", 50)
    client.delete_registered_model_tag(name, "cuelight.shadow")
    client.delete_registered_model_alias(name, "champion")
    assert _plain(_told(mlflow_server, name, 5)) == [
        ("stage", 1, "", "Production"),
        ("alias", 2, "champion", ""),
        ("tag", None, "cuelight.shadow", "50"),
        ("tag removed", None, "cuelight.shadow", ""),
        ("alias removed", None, "champion", ""),
    ]


def test_what_mlflow_refuses_is_not_told(mlflow_server: str, name: str) -> None:
    """A version that is not there was not moved."""
    registry = _with_two_versions(mlflow_server, name)
    with pytest.raises(NotFound):
        registry.set_stage(name, 9, "Production")
    with pytest.raises(BadInput):
        registry._rest.json("POST", "/api/2.0/mlflow/model-versions/transition-stage", body={"name": name})
    registry.set_stage(name, 1, "Production")
    assert _plain(_told(mlflow_server, name, 1)) == [("stage", 1, "", "Production")]


def test_edits_of_a_model_that_cant_be_read_are_not_told(mlflow_server: str, name: str) -> None:
    """Here because it is gone; under authentication because it is somebody else's."""
    registry = _with_two_versions(mlflow_server, name)
    registry.set_stage(name, 1, "Production")
    number = _told(mlflow_server, name, 1)[0].number
    registry.delete_model(name)
    edits, newest = MlflowFeed(mlflow_server).read(number - 1, 0.0)
    assert name not in {each.model for each in edits}
    assert newest >= number


@pytest.mark.parametrize("query", ["", "?after=x", "?after=-1", "?after=9223372036854775808", "?after=0&wait=nan"])
def test_a_question_that_makes_no_sense_is_refused(mlflow_server: str, query: str) -> None:
    """In the shape of MLflow's own errors."""
    answer = _POOL.request("GET", mlflow_server + PATH + query)
    assert (answer.status, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_a_crowd_that_waits_holds_nobody_up(mlflow_server: str, name: str) -> None:
    """More polls wait than MLflow has threads: others are answered as ever, and all of them hear of the next edit."""
    registry = _with_two_versions(mlflow_server, name)
    after = _newest(mlflow_server)
    crowd = 60
    url = f"{mlflow_server}{PATH}?after={after}&wait=30"
    with ThreadPoolExecutor(crowd) as pool:
        polls = [pool.submit(_POOL.request, "GET", url, timeout=60.0) for _ in range(crowd)]
        for _ in range(5):
            assert name in registry.snapshot().models
        assert not any(each.done() for each in polls)
        registry.set_stage(name, 1, "Production")
        answers = [each.result() for each in polls]
    assert {each.status for each in answers} == {200}
    assert [[each["model"] for each in answer.json()["edits"]] for answer in answers] == [[name]] * crowd


def test_a_server_that_stops_lets_its_polls_go(mlflow: MlflowServer, name: str) -> None:
    """It would wait for them: they are answered early. What was noted is there after the restart, and goes on."""
    registry = _with_two_versions(mlflow.url, name)
    registry.set_stage(name, 1, "Production")
    first = _told(mlflow.url, name, 1)[0]
    answers: list[tuple[list[Edit], int]] = []
    poll = threading.Thread(target=lambda: answers.append(MlflowFeed(mlflow.url).read(first.number, 25.0)))
    poll.start()
    eventually(lambda: _newest(mlflow.url) == first.number and _connected(mlflow.url) == 1)
    assert _newest(mlflow.url) == first.number  # asked after it, answered after it has been read
    mlflow.stop()
    poll.join(20)  # it would wait for 25 s
    assert answers == [([], first.number)]
    mlflow.start()
    assert _told(mlflow.url, name, 1) == [first]
    registry.set_stage(name, 2, "Production")
    assert [each.version for each in _told(mlflow.url, name, 1, after=first.number)] == [2]


def test_a_log_that_cant_be_had_breaks_nothing_else(tmp_path: Path, name: str) -> None:
    """Edits are carried out, and answered as ever; the log says once what is wrong, and polls are told."""
    missing = tmp_path / "missing" / "edits.db"
    with running(MlflowServer(tmp_path / "mlflow", more={"CUELIGHT_MLFLOW_EDITS": str(missing)})) as server:
        registry = _with_two_versions(server.url, name)
        for stage in ("Staging", "Production"):
            registry.set_stage(name, 1, stage)
        assert registry.snapshot().models[name].versions[1].stage == "Production"
        with pytest.raises(RegistryUnavailable, match="edits can't be read"):
            MlflowFeed(server.url).read(0, 0.0)
        log = (tmp_path / "mlflow" / "server.log").read_text().splitlines()
        faults = [json.loads(line) for line in log if "edit-not-noted" in line]
        assert len(faults) == 1


def test_a_wrong_setting_is_said_at_the_start(tmp_path: Path) -> None:
    """Not found out later: the server does not come up."""
    server = MlflowServer(tmp_path, more={"CUELIGHT_MLFLOW_APP": "basic_auth"})
    with pytest.raises(RuntimeError, match=r"there is no app 'basic_auth'; there are .*basic-auth"):
        server.start()
