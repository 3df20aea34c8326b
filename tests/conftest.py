"""Fixtures that all tests share."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from cuelight.kit import garbage
from tests.support import mlflow_server as mlflow_servers
from tests.support.mlflow_server import MlflowServer

if TYPE_CHECKING:
    from tests.support.object_store import ObjectStore
    from tests.support.postgres import Postgres

garbage.look_seldom()


def pytest_collection_finish() -> None:
    """Modules and tests stay to the end."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _tables_of_mlflow(tmp_path_factory: pytest.TempPathFactory) -> None:
    """MLflow's tables are made once: with several workers, in the folder above theirs."""
    folder = tmp_path_factory.getbasetemp()
    mlflow_servers.share_tables(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Files that share a host go to the same process, where there are several."""
    from tests.support.sharing import Together

    return Together(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def one_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """The MLflow server behind `mlflow`."""
    more = {"CUELIGHT_MLFLOW_USER_HEADER": "X-Forwarded-User"}
    with mlflow_servers.running(MlflowServer(tmp_path_factory.mktemp("mlflow"), more=more)) as server:
        yield server


@pytest.fixture(scope="module")
def mlflow(one_mlflow: MlflowServer) -> Iterator[MlflowServer]:
    """One MLflow server for the whole run, which believes a proxy's header, and may be stopped.

    A module leaves no models there: each host that follows it would fetch and try those of all modules before. Use
    names of experiments that no other test uses.
    """
    yield one_mlflow
    one_mlflow.recover()
    mlflow_servers.clear(one_mlflow.url)


@pytest.fixture(scope="module")
def mlflow_server(mlflow: MlflowServer) -> str:
    """Its URL."""
    return mlflow.url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """One PostgreSQL for the whole run: its `url()` is a new database."""
    from tests.support import postgres

    with postgres.running() as server:
        yield server


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """One object store for the whole run: use prefixes that no other test uses, and leave it reachable."""
    from tests.support import object_store

    with object_store.running(tmp_path_factory.mktemp("objects")) as store:
        yield store
