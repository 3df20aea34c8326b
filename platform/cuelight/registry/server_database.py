"""The tables of MLflow's own database, made as MLflow makes them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa


def create(engine: sa.Engine, revision: str) -> None:
    """Make MLflow's tables, or bring them forward, up to a revision of its schema."""
    from alembic import command
    from mlflow.store.tracking.dbmodels.initial_models import Base

    Base.metadata.create_all(engine)
    config = _config(engine.url.render_as_string(hide_password=False))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def revisions() -> list[str]:
    """Those that the MLflow installed here knows, the newest first."""
    from alembic.script import ScriptDirectory

    return [each.revision for each in ScriptDirectory.from_config(_config("")).walk_revisions()]


def _config(url: str) -> Any:
    from mlflow.store.db.utils import _get_alembic_config

    return _get_alembic_config(url)
