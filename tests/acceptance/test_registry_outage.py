"""MLflow may stop or hang: what is served stays, also over a restart; and when it is back, promotions go through."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from cuelight.kit.errors import RegistryUnavailable
from cuelight.registry import tags
from cuelight.registry.mlflow_rest import MlflowRegistry
from cuelight.registry.port import Registry
from tests.support.host import POOL, Host, eventually, running
from tests.support.load import steady
from tests.support.mlflow_server import MlflowServer
from tests.support.models import ZEROS
from tests.support.registered import Registrar

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, mlflow: MlflowServer) -> Iterator[Host]:
    """A serving host that follows it, and gives up an answer after two seconds."""
    registry = MlflowRegistry(mlflow.url, connect_timeout=1.0, read_timeout=2.0)
    with running(tmp_path_factory.mktemp("host"), registry) as host:
        yield host


@pytest.mark.parametrize("outage", ["stopped", "hanging"])
def test_an_outage_of_mlflow_changes_nothing_that_is_served(outage: str, mlflow: MlflowServer, host: Host) -> None:
    """No request fails, a restart serves the last good versions from disk, and a later promotion goes through."""
    registrar = Registrar(mlflow.url, host.settings.keys_folder)
    first, second, third = (registrar.add(outage, answer) for answer in (1.0, 2.0, 3.0))
    registrar.registry.set_stage(outage, first, "Production")
    registrar.registry.set_stage(outage, second, "Staging")
    host.wait_for(outage, first)
    host.wait_for(outage, second, "Staging")
    eventually(lambda: host.tags(outage, second).get(tags.STATE) == "serving")

    _take_away(mlflow, outage)
    with steady(host.url, outage, ZEROS, pause=0.02) as load:
        eventually(lambda: _staleness(host) > 6.0, reason="the outage is not seen")
    assert load.failed == []
    assert {each.version for each in load.all} == {first}

    host.stop()
    host.start_server()
    host.start_follower()
    assert [_answer(host, outage, each) for each in ("", "/stages/Staging")] == [(200, first), (200, second)]

    with steady(host.url, outage, ZEROS, pause=0.02) as load:
        _bring_back(mlflow, outage)
        eventually(lambda: _is_back(registrar.registry), reason="MLflow is not back")
        registrar.registry.set_stage(outage, third, "Production", archive_others=True)
        host.wait_for(outage, third)
        eventually(lambda: third in {each.version for each in load.all}, reason="callers do not meet it")
    assert load.failed == []
    assert {each.version for each in load.all} == {first, third}
    eventually(lambda: host.tags(outage, third).get(tags.STATE) == "serving")


def _take_away(mlflow: MlflowServer, outage: str) -> None:
    if outage == "stopped":
        mlflow.stop()
    else:
        mlflow.signal(signal.SIGSTOP)


def _bring_back(mlflow: MlflowServer, outage: str) -> None:
    if outage == "stopped":
        mlflow.start()
    else:
        mlflow.signal(signal.SIGCONT)


def _is_back(registry: Registry) -> bool:
    """A server that was asked much while it hung resets some connections at first."""
    try:
        return bool(registry.snapshot().models)
    except RegistryUnavailable:
        return False


def _answer(host: Host, model: str, path: str) -> tuple[int, int]:
    answer = host.score(model, ZEROS, path)
    return answer.status, int(answer.headers.get("X-Model-Version", 0))


def _staleness(host: Host) -> float:
    text = POOL.request("GET", f"{host.url}/metrics").data.decode()
    line = next(each for each in text.splitlines() if each.startswith("cuelight_registry_staleness_seconds "))
    return float(line.split()[1])
