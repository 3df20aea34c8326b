"""Connections to the operations database, and its schema brought forward."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from cuelight.kit import files
from cuelight.kit.deadline import Deadline
from cuelight.kit.errors import Misconfigured, Unavailable
from cuelight.operations import migrations, postgres, schema
from cuelight.operations.texts import storable

_BUSY_MILLISECONDS = 30_000
_SECONDS = 120.0  # for a whole transaction, where the server hangs
_UPGRADE_SECONDS = 600.0


def dump(value: Any) -> str:
    """Canonical JSON: sorted keys, NaN and infinities as null, NumPy values as Python's."""
    options = orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    return orjson.dumps(value, default=str, option=options).decode()


class Database:
    """An engine on the newest schema, or without `upgrade` on its own. Safe to create in many processes at once."""

    def __init__(self, url: str, upgrade: bool = True) -> None:
        self._engine = _engine(url)
        self._is_file = self._engine.dialect.name == "sqlite"
        # One state of the database for all that one transaction reads; SQLite gives that by itself.
        apart = {} if self._is_file else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._reader = self._engine.execution_options(**apart)
        if upgrade and self.revision() != schema.NEWEST:
            self._upgrade()

    @contextlib.contextmanager
    def reading(self, seconds: float = 0.0) -> Iterator[sa.Connection]:
        """A transaction that only reads.

        Raises:
            Unavailable: the database does not answer in time, or can't be read.
        """
        with told(self._engine.url), self._bounded(seconds), self._reader.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self, seconds: float = 0.0) -> Iterator[sa.Connection]:
        """A transaction that writes; on SQLite it has the write lock from its start.

        Raises:
            Unavailable: the database does not answer in time, or can't be written. Whether a transaction that was cut
                off at its very end is kept, nobody knows.
            sqlalchemy.exc.IntegrityError: another process wrote what must be there once.
        """
        writer = self._engine.execution_options(cuelight_write=True)
        with told(self._engine.url), self._bounded(seconds), writer.begin() as connection:
            yield connection

    def _bounded(self, seconds: float) -> contextlib.AbstractContextManager[object]:
        """A server that hangs ends the wait; a file's locks are waited for by SQLite's own limit."""
        return contextlib.nullcontext() if self._is_file else Deadline(seconds or _SECONDS)

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
        """Bring the schema forward: one process at a time does."""
        if not self._is_file:
            with self.writing(_UPGRADE_SECONDS) as connection:
                postgres.prepare(connection, _UPGRADE_SECONDS)
                migrations.upgrade(connection)
            return
        with files.alone(Path(f"{self._engine.url.database}.lock")):
            with self._engine.connect().execution_options(cuelight_plain=True) as connection:
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            with self.writing() as connection:
                migrations.upgrade(connection)


@contextlib.contextmanager
def told(url: sa.URL, what: str = "operations database") -> Iterator[None]:
    """What goes wrong with a database, as an error of ours; what is there twice is for others to judge.

    Raises:
        Unavailable: it does not answer, or can't be used.
    """
    try:
        yield
    except sa.exc.IntegrityError:
        raise
    except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
        cause = getattr(error, "orig", None) or error
        said = (str(cause).strip().splitlines() or [type(cause).__name__])[0].removesuffix(".")
        raise Unavailable(f"The {what} at {shown(url)} can't be used: {said}.") from error


def shown(url: sa.URL) -> str:
    """An address for people's eyes: without passwords, of which some are in a URL's query."""
    return url.set(query={}).render_as_string(hide_password=True)


def _engine(url: str) -> sa.Engine:
    try:
        address = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        address = postgres.address(url)  # says what a URL looks like
    codec = {"json_serializer": dump, "json_deserializer": orjson.loads}
    if address.get_backend_name() != "sqlite":
        engine = postgres.engine(address, **codec)
        sa.event.listen(engine, "before_cursor_execute", _storable, retval=True)
        return engine
    if address.database in (None, "", ":memory:"):
        raise Misconfigured("SQLite in memory can't be shared by processes. Name a file.")
    Path(address.database).absolute().parent.mkdir(parents=True, exist_ok=True)
    # No pool: connections are cheap here, and none is ever carried over a fork.
    engine = sa.create_engine(address, poolclass=NullPool, **codec)
    sa.event.listen(engine, "connect", _connect)
    sa.event.listen(engine, "begin", _begin)
    sa.event.listen(engine, "before_cursor_execute", _storable, retval=True)
    return engine


def _storable(_connection: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> tuple[str, Any]:
    """What is written, and what is looked for, in the same form: whatever a caller wrote is found again by it."""
    return statement, storable(given)


def _connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are ours, not the driver's
    connection.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")


def _begin(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("cuelight_plain"):
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("cuelight_write") else "BEGIN")
