"""Fixtures that all tests share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.mlflow_server import MlflowServer, running

if TYPE_CHECKING:
    from tests.support.object_store import ObjectStore
    from tests.support.postgres import Postgres


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of one MLflow server for the whole run: use names of models and experiments that no other test uses."""
    with running(MlflowServer(tmp_path_factory.mktemp("mlflow"))) as server:
        yield server.url


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
