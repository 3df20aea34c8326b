"""MLflow tells a host who edits models: edits take effect at once, and the history says whose doing it was."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cuelight.registry import tags
from cuelight.registry.edit_feed import MlflowFeed
from cuelight.registry.mlflow_rest import MlflowRegistry
from cuelight.registry.rest import NoSuchPath
from tests.support.host import Host, eventually, running
from tests.support.mlflow_server import MlflowServer, stock
from tests.support.mlflow_server import running as mlflow_running
from tests.support.registered import Registrar

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

_NEVER = 86_400.0


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, mlflow: MlflowServer) -> Iterator[Host]:
    """A host that reads the registry once a day, unless it is told of an edit."""
    registry, feed = MlflowRegistry(mlflow.url), MlflowFeed(mlflow.url)
    with running(tmp_path_factory.mktemp("host"), registry, feed, registry_poll_seconds=_NEVER) as host:
        yield host


@pytest.fixture(scope="module")
def registrar(mlflow: MlflowServer, host: Host) -> Registrar:
    """Registers versions that this host trusts."""
    return Registrar(mlflow.url, host.settings.keys_folder)


def _as(mlflow: MlflowServer, user: str) -> MlflowRegistry:
    """The registry as a proxy hands it a user's requests."""
    registry = MlflowRegistry(mlflow.url)
    registry._rest._headers["x-forwarded-user"] = user
    return registry


def _lines(host: Host, kind: str, model: str) -> list[tuple[int | None, dict[str, Any]]]:
    return [(version, dict(detail)) for what, name, version, detail, _ in host.history if (what, name) == (kind, model)]


def test_an_edit_takes_effect_when_it_is_told(host: Host, mlflow: MlflowServer, registrar: Registrar) -> None:
    """Stage, alias, tag: the next poll is a day away, and each is served, with its author's name in the history."""
    name = "push"
    for answer in (1.0, 2.0):
        registrar.add(name, answer)
    before = time.time()
    _as(mlflow, "alice").set_stage(name, 1, "Production")
    host.wait_for(name, 1)
    _as(mlflow, "bob").set_alias(name, "challenger", 2)
    host.wait_for(name, 2, "Staging")
    _as(mlflow, "carol").set_model_tags(name, {tags.CANARY: "10"})
    eventually(lambda: _lines(host, "traffic", name))
    _as(mlflow, "dave").set_alias(name, "champion", 2)
    host.wait_for(name, 2)
    eventually(lambda: len(_lines(host, "switched", name)) >= 3)
    by = [(version, detail["track"], detail["by"]) for version, detail in _lines(host, "switched", name)]
    assert by == [(1, "Production", "alice"), (2, "Staging", "bob"), (2, "Production", "dave")]
    version, shared = _lines(host, "traffic", name)[0]
    assert (version, shared["canary"], shared["by"]) == (2, 10.0, "carol")
    moments = [detail["moved_at"] for _, detail in _lines(host, "switched", name)]
    assert before < moments[0] < moments[1] < moments[2] < time.time()


def test_what_was_edited_while_the_host_was_down_has_its_author(
    host: Host, mlflow: MlflowServer, registrar: Registrar
) -> None:
    """The server keeps the edits: a host that comes back learns of them."""
    name = "push-later"
    registrar.add(name, 1.0)
    host.stop_follower()
    _as(mlflow, "alice").set_stage(name, 1, "Production")
    host.start_follower()
    host.wait_for(name, 1)
    eventually(lambda: _lines(host, "switched", name))
    assert _lines(host, "switched", name)[0][1]["by"] == "alice"


def test_a_restarted_server_is_heard_again(host: Host, mlflow: MlflowServer, registrar: Registrar) -> None:
    """The host notices that its question fell on deaf ears, and asks again."""
    name = "push-restart"
    registrar.add(name, 1.0)
    mlflow.stop()
    mlflow.start()
    _as(mlflow, "alice").set_stage(name, 1, "Production")
    host.wait_for(name, 1)
    eventually(lambda: _lines(host, "switched", name))
    assert _lines(host, "switched", name)[0][1]["by"] == "alice"


def test_a_stock_server_is_followed_as_ever(tmp_path: Path) -> None:
    """MLflow that tells nothing is polled, and the history names nobody."""
    with mlflow_running(MlflowServer(tmp_path / "mlflow", stock)) as server:
        registry, feed = MlflowRegistry(server.url), MlflowFeed(server.url)
        with pytest.raises(NoSuchPath):
            feed.read(0, 0.0)
        with running(tmp_path / "host", registry, feed, serving_workers=1) as host:
            registrar = Registrar(server.url, host.settings.keys_folder)
            registrar.add("stock", 1.0)
            registry.set_stage("stock", 1, "Production")
            host.wait_for("stock", 1)
            eventually(lambda: _lines(host, "switched", "stock"))
            assert _lines(host, "switched", "stock")[0][1].keys().isdisjoint({"by", "client", "moved_at"})
