"""Steps from one schema to the next, run forward by Alembic when the database is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cuelight.kit.errors import Misconfigured


def revisions() -> list[str]:
    """All that there are, the newest first."""
    from alembic.script import ScriptDirectory

    return [each.revision for each in ScriptDirectory(str(Path(__file__).parent)).walk_revisions()]


def upgrade(connection: sa.Connection, revision: str = "head") -> None:
    """Bring the schema forward to a revision, inside the connection's transaction.

    Raises:
        Misconfigured: a newer Cuelight has been here.
    """
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    script = ScriptDirectory(str(Path(__file__).parent))

    def steps(present: Any, _context: Any) -> Any:
        return script._upgrade_revs(revision, present)

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection=connection)
        try:
            environment.run_migrations()
        except CommandError as error:
            raise Misconfigured(
                f"The operations database is newer than this Cuelight: upgrade it. ({error})"
            ) from error
