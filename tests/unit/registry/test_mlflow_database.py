"""What MLflow's server logs of a database that is away; its lines are those of MLflow 3.17."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from sqlalchemy.exc import OperationalError

from cuelight.kit import log
from cuelight.registry.mlflow_app import database

_STORE, _ANSWERS = (logging.getLogger(name) for name in ("mlflow.store.db.utils", "mlflow.server.handlers"))
_AWAY = OperationalError("SELECT 1", {}, ConnectionError("connection refused\n\tIs the server running?"))


@pytest.fixture(autouse=True)
def attached() -> Iterator[None]:
    """For one test."""
    log.configure()
    before = {each: [*each.filters] for each in (_STORE, _ANSWERS)}
    database.attach()
    yield
    for logger, filters in before.items():
        logger.filters[:] = filters


def _fail(error: Exception) -> None:
    """As MLflow's store does for every request, and then what answers it."""
    try:
        raise error
    except type(error):
        _STORE.exception("SQLAlchemy database error. The following exception is caught.\n%s", error)
    _ANSWERS.error(f"Error in _search: {error}. Set MLFLOW_LOGGING_LEVEL=DEBUG for traceback.")


def test_a_database_that_is_away_is_a_line(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without traceback and statement, and not for every request."""
    for _ in range(5):
        _fail(_AWAY)
    (line,) = capsys.readouterr().err.splitlines()
    assert "MLflow's database can't be used: connection refused." in line
    assert [each for each in caplog.records if each.name.startswith("mlflow")] == []


def test_what_is_nothing_of_the_database_is_let_through(caplog: pytest.LogCaptureFixture) -> None:
    """It may be a fault that somebody has to look at."""
    _fail(ValueError("odd"))
    assert [each.exc_info is not None for each in caplog.records] == [True, False]
