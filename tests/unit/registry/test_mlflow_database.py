"""MLflow's server and its database: what is said to it, and what is logged while it is away, as by MLflow 3.17."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.exc import OperationalError

from cuelight.kit import log
from cuelight.operations import postgres
from cuelight.registry.mlflow_app import database
from tests.support.postgres import Postgres

_STORE, _ANSWERS = (logging.getLogger(name) for name in ("mlflow.store.db.utils", "mlflow.server.handlers"))
_AWAY = OperationalError("SELECT 1", {}, ConnectionError("connection refused\n\tIs the server running?"))


@pytest.fixture(autouse=True)
def attached() -> Iterator[None]:
    """For one test."""
    log.configure()
    before = {each: [*each.filters] for each in (_STORE, _ANSWERS)}
    database.attach()
    yield
    registry.deregister("postgresql.psycopg")
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


def test_a_number_may_be_compared_with_a_text_that_holds_one(postgres_server: Postgres) -> None:
    """As by psycopg2, for which MLflow is made: to archive the others, it looks for versions that are not "2"."""
    versions = sa.Table("versions", sa.MetaData(), sa.Column("name", sa.String(9)), sa.Column("version", sa.Integer))
    engine = sa.create_engine(postgres.address(postgres_server.url()))
    with engine.begin() as connection:
        versions.create(connection)
        connection.execute(sa.insert(versions), [{"name": "it's 50 %", "version": each} for each in (1, 2, 3)])
        others = sa.select(versions.c.version).where(
            versions.c.name == "it's 50 %", versions.c.version != sa.literal("2")
        )
        assert sorted(connection.execute(others).scalars()) == [1, 3]
    engine.dispose()
