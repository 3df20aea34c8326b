"""An MLflow server of a module's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.mlflow_server import MlflowServer, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """It may be stopped."""
    with running(MlflowServer(tmp_path_factory.mktemp("mlflow"))) as server:
        yield server
