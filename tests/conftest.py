"""Fixtures that all tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.mlflow_server import MlflowServer, running


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of one MLflow server for the whole run: use names of models and experiments that no other test uses."""
    with running(MlflowServer(tmp_path_factory.mktemp("mlflow"))) as server:
        yield server.url
