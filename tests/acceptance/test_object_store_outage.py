"""The object store that has MLflow's artifacts may be gone or hang: what is served stays, what waits is taken."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cuelight.registry import tags
from cuelight.registry.mlflow_rest import MlflowRegistry
from tests.support import object_store
from tests.support.host import POOL, Host, eventually, running
from tests.support.load import steady
from tests.support.mlflow_server import MlflowServer
from tests.support.mlflow_server import running as mlflow_running
from tests.support.models import ZEROS
from tests.support.object_store import ObjectStore
from tests.support.registered import Registrar

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """It may be cut off."""
    with object_store.running(tmp_path_factory.mktemp("objects")) as store:
        yield store


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, store: ObjectStore) -> Iterator[MlflowServer]:
    """MLflow as `cuelight up` runs it with `mlflow.artifacts`; nobody else has the store's credentials."""
    artifacts = {"_MLFLOW_SERVER_ARTIFACT_DESTINATION": f"s3://{store.bucket}/mlflow"}
    with mlflow_running(MlflowServer(tmp_path_factory.mktemp("mlflow"), more=store.environment | artifacts)) as server:
        yield server


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, server: MlflowServer) -> Iterator[Host]:
    """A serving host that follows it."""
    with running(tmp_path_factory.mktemp("host"), MlflowRegistry(server.url)) as host:
        yield host


@pytest.mark.parametrize("outage", ["gone", "hanging"])
def test_an_outage_changes_nothing_that_is_served(
    outage: str, store: ObjectStore, server: MlflowServer, host: Host
) -> None:
    """No request fails, a restart serves from disk, the version says what it waits for, and is taken afterwards."""
    registrar = Registrar(server.url, host.settings.keys_folder)
    first, second = (registrar.add(outage, answer) for answer in (1.0, 2.0))
    registrar.registry.set_stage(outage, first, "Production")
    host.wait_for(outage, first)

    store.cut() if outage == "gone" else store.stall()
    with steady(host.url, outage, ZEROS, pause=0.02) as load:
        registrar.registry.set_stage(outage, second, "Production", archive_others=True)
        eventually(lambda: host.tags(outage, second).get(tags.STATE) == "failed")
        assert "The artifact store s3://cuelight/mlflow does not answer" in host.tags(outage, second)[tags.REASON]
        assert registrar.registry.snapshot().models[outage].versions[second].stage == "Production"
    assert load.failed == []
    assert {each.version for each in load.all} == {first}
    told = [line for line in host.history if line[:3] == ("refused", outage, second)]
    assert len(told) == 1

    host.stop()
    host.start_server()
    host.start_follower()
    with steady(host.url, outage, ZEROS, pause=0.02) as load:
        eventually(lambda: load.answers[0], reason="nothing is answered")
        store.mend()
        host.wait_for(outage, second, seconds=120)
        eventually(lambda: second in {each.version for each in load.all}, reason="callers do not meet it")
    assert load.failed == []
    assert {each.version for each in load.all} == {first, second}
    eventually(lambda: host.tags(outage, second).get(tags.STATE) == "serving")


@pytest.mark.parametrize("outage", ["gone", "hanging"])
def test_who_writes_or_reads_a_file_is_told(outage: str, store: ObjectStore, server: MlflowServer) -> None:
    """As MLflow tells errors, with the store's name; and afterwards the file that was there is there, whole."""
    url, content = f"{server.url}/api/2.0/mlflow-artifacts/artifacts/files/{outage}", bytes(range(256)) * (1 << 16)
    assert POOL.request("PUT", url, body=content).status == 200
    store.cut() if outage == "gone" else store.stall()
    try:
        for method, where, body in (("PUT", f"{url}-new", b"new"), ("GET", url, None)):
            answer = POOL.request(method, where, body=body)
            assert answer.status == 503, answer.data
            assert "The artifact store s3://cuelight/mlflow does not answer" in answer.json()["message"]
    finally:
        store.mend()
    assert POOL.request("GET", url).data == content


def test_a_store_that_refuses_is_named(store: ObjectStore, server: MlflowServer) -> None:
    """What is not there, and a bucket that is gone: an error of MLflow's form, which says whose it is."""
    artifacts = f"{server.url}/api/2.0/mlflow-artifacts/artifacts/files"
    answer = POOL.request("GET", f"{artifacts}/nothing")
    assert answer.status >= 400
    assert "s3://cuelight/mlflow" in answer.json()["message"]
