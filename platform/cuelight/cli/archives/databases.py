"""Databases as lines of JSON, the same from SQLite and PostgreSQL: what one gives, the other takes."""

from __future__ import annotations

import base64
import json
import math
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from cuelight.kit.errors import BadInput, Misconfigured, Unavailable
from cuelight.kit.settings import Settings
from cuelight.operations import migrations, postgres
from cuelight.operations.engine import told
from cuelight.operations.texts import storable
from cuelight.registry import server_database

OPERATIONS, MLFLOW = "operations", "mlflow"
_VERSION = "alembic_version"
_ROWS = 500  # at once, in memory


@dataclass(frozen=True)
class Address:
    """One of the databases of an installation: a file of SQLite, or PostgreSQL with the schema that it goes to."""

    name: str
    url: sa.URL

    @property
    def file(self) -> Path | None:
        """SQLite's."""
        return Path(self.url.database or "") if self.url.get_backend_name() == "sqlite" else None

    def engine(self) -> sa.Engine:
        """Connections to it, each for one use."""
        path = f"-c search_path={postgres.SCHEMA}"
        arguments = {} if self.file or self.name == MLFLOW else {"options": path}
        return sa.create_engine(self.url, poolclass=NullPool, connect_args=arguments)


def addresses(settings: Settings) -> list[Address]:
    """Those of an installation: its operations, and MLflow's, unless that is somebody else's."""
    names = [OPERATIONS] if settings.registry_uri else [OPERATIONS, MLFLOW]
    if settings.database_url:
        return [Address(name, postgres.address(settings.database_url)) for name in names]
    places = {OPERATIONS: settings.home / "operations.db", MLFLOW: settings.home / "mlflow" / "mlflow.db"}
    return [Address(name, sa.URL.create("sqlite", database=str(places[name].absolute()))) for name in names]


@contextmanager
def reading(address: Address, scratch: Path) -> Iterator[sa.Connection]:
    """The database as it is at one moment, while others write; a file is copied into `scratch` first."""
    if address.file:
        copy = scratch / f"{address.name}.db"
        copy_file(address.file, copy)
        address = Address(address.name, sa.URL.create("sqlite", database=str(copy)))
    engine = address.engine()
    if not address.file:
        engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with told(address.url, f"database of {address.name}"), engine.begin() as connection:
        yield connection


def copy_file(source: Path, target: Path) -> None:
    """A file of SQLite at one moment, by SQLite's own means, for the same people.

    Raises:
        Unavailable: it can't be read, or not written there.
    """
    try:
        address = f"{source.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new)
    except sqlite3.Error as error:
        raise Unavailable(f"{source} can't be copied to {target.parent}: {error}.") from error
    shutil.copymode(source, target)


def revision(connection: sa.Connection) -> str:
    """Which schema it has; empty: none."""
    if not sa.inspect(connection).has_table(_VERSION):
        return ""
    return str(connection.execute(sa.text(f"SELECT version_num FROM {_VERSION}")).scalar() or "")  # noqa: S608  ours


def tables(connection: sa.Connection) -> list[sa.Table]:
    """All but Alembic's, those that others refer to first."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    return [each for each in metadata.sorted_tables if each.name != _VERSION]


def lines(connection: sa.Connection, table: sa.Table) -> Iterator[bytes]:
    """The names of a table's columns, then each row."""
    yield _line([each.name for each in table.columns])
    streamed = connection.execution_options(stream_results=True, yield_per=_ROWS)
    for row in streamed.execute(sa.select(table)):
        yield _line([_plain(value) for value in row])


def check(name: str, wanted: str) -> None:
    """Whether a schema is one that we, or the MLflow that is installed, can bring forward.

    Raises:
        Misconfigured: it is a newer one.
    """
    known = server_database.revisions() if name == MLFLOW else migrations.revisions()
    if wanted not in known:
        whose = "MLflow" if name == MLFLOW else "Cuelight"
        raise Misconfigured(f"The backup is of a newer {whose} (schema {wanted}): install that one here first.")


def must_be_empty(address: Address) -> None:
    """A server's database may be there, but with no tables among which ours would come.

    Raises:
        Misconfigured: it has some, of ours or of somebody else.
    """
    if address.file:
        return
    with told(address.url, f"database of {address.name}"), address.engine().connect() as connection:
        if revision(connection):
            raise Misconfigured(
                f"The database of database.url has {address.name}'s tables already: name an empty one to restore into,"
                " or, if these are of a restore that was cut off, drop it and make it anew (dropdb, createdb)."
            )
        if others := sa.inspect(connection).get_table_names():
            raise Misconfigured(
                f"The database of database.url has tables of somebody else's, such as {others[0]}, where "
                f"{address.name}'s would come: name an empty one to restore into."
            )


@contextmanager
def filled(address: Address, wanted: str, content: Iterable[tuple[str, Iterator[bytes]]]) -> Iterator[list[str]]:
    """Make the tables of a schema, fill them with what `lines` gave, and bring them to the newest one.

    On a server others see them once the block has ended, all at once; what fails, also in the block, leaves none.
    Tables that the schema does not have were somebody else's: their names are given, and their rows left out.

    Raises:
        BadInput: rows don't fit their table.
        Unavailable: the database does not answer, or can't be used.
    """
    if address.file:
        address.file.parent.mkdir(parents=True, exist_ok=True)
    with told(address.url, f"database of {address.name}"), address.engine().begin() as connection:
        _create(address, connection, wanted)
        known = {each.name: each for each in tables(connection)}
        for table in reversed(known.values()):
            connection.execute(sa.delete(table))
        left = []
        for name, rows in content:
            if name in known:
                _fill(connection, known[name], rows)
            else:
                left.append(name)
        if not address.file:
            _reset_sequences(connection, known.values())
        _create(address, connection, "head")
        yield left


def _create(address: Address, connection: sa.Connection, wanted: str) -> None:
    if address.name == MLFLOW:
        server_database.create(connection, wanted)
        return
    if not address.file:
        postgres.prepare(connection, 600.0)
    migrations.upgrade(connection, wanted)


def _fill(connection: sa.Connection, table: sa.Table, rows: Iterator[bytes]) -> None:
    is_server = connection.dialect.name != "sqlite"
    names: list[str] = json.loads(next(rows))
    columns = [table.columns[name] for name in names]
    for each in columns:
        if isinstance(each.type, sa.JSON):
            each.type.none_as_null = True
    while some := list(islice(rows, _ROWS)):
        values = [dict(zip(names, map(_typed, columns, json.loads(row)), strict=True)) for row in some]
        try:
            connection.execute(sa.insert(table), storable(values) if is_server else values)
        except sa.exc.IntegrityError as error:
            raise BadInput(f"The backup's rows of {table.name} don't fit that table: {error.orig}.") from error


def _reset_sequences(connection: sa.Connection, known: Iterable[sa.Table]) -> None:
    """The next number that PostgreSQL gives is beyond those that came with the rows."""
    for table in known:
        for column in table.primary_key.columns:
            name = sa.func.pg_get_serial_sequence(sa.func.quote_ident(table.name), column.name)
            sequence = connection.execute(sa.select(name)).scalar()
            newest = connection.execute(sa.select(sa.func.max(column))).scalar() if sequence else None
            if newest is not None:
                connection.execute(sa.select(sa.func.setval(sequence, newest)))


def _line(values: list[Any]) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


def _plain(value: Any) -> Any:
    """What JSON has no word for, under the name of its kind."""
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return {"json": value} if isinstance(value, dict | list) else value


_KINDS: dict[str, Any] = {
    "bytes": base64.b64decode,
    "time": datetime.fromisoformat,
    "decimal": Decimal,
    "float": float,
    "json": lambda value: value,
}


def _typed(column: sa.Column[Any], value: Any) -> Any:
    if isinstance(value, dict):
        ((kind, content),) = value.items()
        return _KINDS[kind](content)
    # SQLite keeps flags as numbers, and columns that were once made so.
    return bool(value) if isinstance(column.type, sa.Boolean) and value is not None else value
