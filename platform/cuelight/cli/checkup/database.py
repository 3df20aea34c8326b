"""Whether the operations database can be read and written, and has the schema of this Cuelight."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from cuelight.cli.checkup import postgres
from cuelight.cli.checkup.finding import Finding, fault, faulty, note, ok, warning
from cuelight.cli.checkup.scene import Scene
from cuelight.kit.errors import Misconfigured, Unavailable
from cuelight.kit.settings import Settings
from cuelight.operations import schema
from cuelight.operations.engine import Database

_MEND = "Check database.url (CUELIGHT_DATABASE_URL), and whether the database runs and lets us in."


def findings(scene: Scene) -> Iterator[Finding]:
    """Reachable, whole, writable, and on the newest schema."""
    if is_to_come(scene.settings):
        yield note("There is none yet: the first command that needs it makes it.")
        return
    try:
        database = Database(scene.settings.operations_url, upgrade=False)
    except Misconfigured as error:
        yield faulty(error, _MEND)
        return
    try:
        yield from _looked_at(database, with_mlflow=not scene.settings.registry_uri)
    except Unavailable as error:
        yield fault(str(error), _MEND)
    finally:
        database.close()


def is_to_come(settings: Settings) -> bool:
    """Whether it is a file that is not there."""
    return not settings.database_url and not Path(sa.make_url(settings.operations_url).database or "/").exists()


def _looked_at(database: Database, with_mlflow: bool) -> Iterator[Finding]:
    with database.reading() as connection:
        kind = connection.dialect.name
        said = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() if kind == "sqlite" else "ok"
        server = None if kind == "sqlite" else postgres.ask(connection)
    if said != "ok":
        yield fault(f"It is damaged: {said}.", "Restore it from a backup (see docs/operating/back-up.md).")
        return
    if server:
        yield from postgres.findings(server, with_mlflow)
    yield migrated(database.revision())
    with database.writing():
        yield ok(f"{kind} can be read and written.")


def migrated(revision: str) -> Finding:
    """How the schema that it has stands to ours; revisions count upwards."""
    if revision == schema.NEWEST:
        return ok(f"Its schema is the newest one, {revision}.")
    if revision > schema.NEWEST:
        return fault(f"Its schema {revision} is newer than ours, {schema.NEWEST}.", "Upgrade Cuelight on this machine.")
    return warning(
        f"Its schema {revision or '(none)'} is older than ours, {schema.NEWEST}.",
        "Back it up; `cuelight history`, as any command that opens it, brings it forward.",
    )
