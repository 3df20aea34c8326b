"""The tables of MLflow's own database, made as MLflow makes them."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa


def create(connection: sa.Connection, revision: str) -> None:
    """Make MLflow's tables, or bring them forward, up to a revision of its schema; inside the open transaction."""
    from alembic import command
    from mlflow.store.tracking.dbmodels.initial_models import Base

    Base.metadata.create_all(connection)
    config = _config(connection.engine.url.render_as_string(hide_password=False))
    # MLflow's script asks for a connection's engine, and that for another connection: it gets the one that is open.
    engine = SimpleNamespace(connect=lambda: nullcontext(connection))
    config.attributes["connection"] = SimpleNamespace(engine=engine)
    command.upgrade(config, revision)


def revisions() -> list[str]:
    """Those that the MLflow installed here knows, the newest first."""
    from alembic.script import ScriptDirectory

    return [each.revision for each in ScriptDirectory.from_config(_config("")).walk_revisions()]


def _config(url: str) -> Any:
    from mlflow.store.db.utils import _get_alembic_config

    return _get_alembic_config(url)
