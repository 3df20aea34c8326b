"""Whether PostgreSQL is one that we know, and lets us do what we must."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa

from cuelight.cli.checkup.finding import Finding, fault, ok, warning
from cuelight.operations.postgres import OLDEST, SCHEMA


class Server(NamedTuple):
    """What it says of itself: its major release, whether it only reads, and whether we may make tables.

    `ours`: in the schema of the operations, or the schema itself; `theirs`: in `public`, where MLflow's are.
    """

    release: int
    reads_only: bool
    ours: bool
    theirs: bool


def ask(connection: sa.Connection) -> Server:
    """The server that is connected."""
    makes = sa.func.has_schema_privilege
    there = sa.select(sa.literal(1)).select_from(sa.text("pg_namespace")).where(sa.text("nspname = :name"))
    known = connection.execute(there, {"name": SCHEMA}).scalar() is not None
    ours = makes(SCHEMA, "CREATE") if known else sa.func.has_database_privilege(sa.func.current_database(), "CREATE")
    number, standby, may, public = connection.execute(
        sa.select(
            sa.func.current_setting("server_version_num"), sa.func.pg_is_in_recovery(), ours, makes("public", "CREATE")
        )
    ).one()
    return Server(int(number) // 10_000, standby, may, public)


def findings(server: Server, with_mlflow: bool) -> Iterator[Finding]:
    """What is wrong with it, or that nothing is; `with_mlflow`: MLflow's tables are there as well."""
    if server.reads_only:
        yield fault("It is a standby, which only reads.", "Name the primary in database.url.")
    if not server.ours:
        grant = f"GRANT CREATE ON DATABASE ... TO its user, or make that user the owner of the schema {SCHEMA}."
        yield fault("Its user may not make the operations' tables.", grant)
    if with_mlflow and not server.theirs:
        yield fault("Its user may not make MLflow's tables.", "GRANT CREATE ON SCHEMA public TO its user.")
    if server.release < OLDEST:
        yield warning(f"It is PostgreSQL {server.release}.", f"Use {OLDEST} or newer: others were never meant.")
    elif not server.reads_only and server.ours and (server.theirs or not with_mlflow):
        yield ok(f"PostgreSQL {server.release} is one that we know, and lets us make tables.")
