"""Connections to the operations database, and its schema brought forward."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from cuelight.kit.errors import Misconfigured, Unavailable
from cuelight.operations import migrations, schema

_BUSY_MILLISECONDS = 30_000
_ADVISORY_LOCK = 0x63756C67  # "culg": any number that nobody else in the database uses


def dump(value: Any) -> str:
    """Canonical JSON: sorted keys, NaN and infinities as null, NumPy values as Python's."""
    options = orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    return orjson.dumps(value, default=str, option=options).decode()


class Database:
    """An engine on the newest schema, or without `upgrade` on its own. Safe to create in many processes at once."""

    def __init__(self, url: str, upgrade: bool = True) -> None:
        self._engine = _engine(url)
        # One state of the database for all that one transaction reads; SQLite gives that by itself.
        server = self._engine.dialect.name != "sqlite"
        self._reader = self._engine.execution_options(isolation_level="REPEATABLE READ") if server else self._engine
        if upgrade and self.revision() != schema.NEWEST:
            self._upgrade()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that only reads.

        Raises:
            Unavailable: the database does not answer, or can't be read.
        """
        with self._told(), self._reader.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that writes; on SQLite it has the write lock from its start.

        Raises:
            Unavailable: the database does not answer, or can't be written.
            sqlalchemy.exc.IntegrityError: another process wrote what must be there once.
        """
        with self._told(), self._engine.execution_options(cuelight_write=True).begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.IntegrityError:
            raise
        except sa.exc.DBAPIError as error:
            said = (str(error.orig).strip().splitlines() or [type(error.orig).__name__])[0]
            where = self._engine.url.render_as_string(hide_password=True)
            raise Unavailable(f"The operations database at {where} can't be used: {said}.") from error

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def revision(self) -> str:
        """Which schema it has; empty: none yet."""
        with self.reading() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return ""
            return str(connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() or "")

    def _upgrade(self) -> None:
        with _alone(self._engine):
            if self._engine.dialect.name == "sqlite":
                with self._engine.connect().execution_options(cuelight_plain=True) as connection:
                    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            with self.writing() as connection:
                migrations.upgrade(connection)


def _engine(url: str) -> sa.Engine:
    try:
        address = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise Misconfigured("operations_url is not a SQLAlchemy URL, such as sqlite:////data/operations.db.") from error
    if address.get_backend_name() != "sqlite":
        return _server(address)
    if address.database in (None, "", ":memory:"):
        raise Misconfigured("operations_url: SQLite in memory can't be shared by processes. Name a file.")
    Path(address.database).absolute().parent.mkdir(parents=True, exist_ok=True)
    # No pool: connections are cheap here, and none is ever carried over a fork.
    engine = sa.create_engine(address, json_serializer=dump, json_deserializer=orjson.loads, poolclass=NullPool)
    sa.event.listen(engine, "connect", _connect)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _server(address: sa.URL) -> sa.Engine:
    try:
        return sa.create_engine(address, json_serializer=dump, json_deserializer=orjson.loads, pool_pre_ping=True)
    except (sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise Misconfigured(f"operations_url needs a driver that is not installed: {error}.") from error


def _connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are ours, not the driver's
    connection.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")


def _begin(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("cuelight_plain"):
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("cuelight_write") else "BEGIN")


@contextlib.contextmanager
def _alone(engine: sa.Engine) -> Iterator[None]:
    """One process at a time brings the schema forward."""
    if engine.dialect.name == "sqlite":
        path = Path(f"{engine.url.database}.lock")
        with path.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    with engine.connect() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_lock(_ADVISORY_LOCK)))
        try:
            yield
        finally:
            connection.execute(sa.select(sa.func.pg_advisory_unlock(_ADVISORY_LOCK)))
