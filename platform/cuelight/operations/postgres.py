"""How PostgreSQL is spoken to: our own schema, bounded waits, connections looked at before they are used.

MLflow keeps its tables in the same database, in the schema that its user finds first (`public`). Both have a table
`alembic_version`, and both one called `jobs`: ours are in a schema of their own.
"""

from __future__ import annotations

import os
import socket
from typing import Any

import sqlalchemy as sa

from cuelight.kit.deadline import watch
from cuelight.kit.errors import Misconfigured

SCHEMA = "cuelight_operations"  # not `cuelight`: MLflow would find the schema that is called as its user first
DRIVER = "postgresql+psycopg"
OLDEST = 13  # the oldest major release that Cuelight is meant for

_CONNECT_SECONDS = 5
_STATEMENT_SECONDS = 30
_LOCK_SECONDS = 10
_IDLE_SECONDS = 60  # within a transaction: the locks of one whose process hangs are not held for ever
_GONE_MILLISECONDS = 10_000  # what is sent and not even received: that machine is gone
_ADVISORY_LOCK = 0x63756C67  # "culg": any number that nobody else in the database uses


def address(url: str | sa.URL) -> sa.URL:
    """A URL of PostgreSQL with the driver that we use, whichever it names.

    Raises:
        Misconfigured: it is none, or the driver is not installed.
    """
    try:
        found = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise Misconfigured("database.url is not a URL, such as postgresql://cuelight@db.internal/cuelight.") from error
    if found.get_backend_name() != "postgresql":
        raise Misconfigured("database.url must be PostgreSQL's, such as postgresql://cuelight@db.internal/cuelight.")
    try:
        import psycopg  # noqa: F401  an extra: imported only where a setting asks for it
    except ImportError as error:
        raise Misconfigured(
            "database.url needs PostgreSQL's driver, which is not installed: pip install 'cuelight[postgres]'."
        ) from error
    return found.set(drivername=DRIVER)


def engine(url: sa.URL, **options: Any) -> sa.Engine:
    """An engine whose waits are all bounded, and that survives a restart of the server.

    A transaction that was cut off fails; the next one has a connection that lives. To bound also the wait for a server
    that hangs, begin transactions within a `Deadline`.
    """
    result = sa.create_engine(
        address(url),
        connect_args=_arguments(url),
        pool_size=2,
        max_overflow=8,
        pool_timeout=_CONNECT_SECONDS,
        pool_recycle=1800,
        **options,
    )
    sa.event.listen(result, "connect", _connected)
    sa.event.listen(result, "checkout", lambda *taken: _looked_at(result.dialect, *taken))
    sa.event.listen(result, "close", _closed)
    return result


def _arguments(url: sa.URL) -> dict[str, Any]:
    """What the URL does not say itself."""
    kept = {
        "search_path": SCHEMA,
        "statement_timeout": f"{_STATEMENT_SECONDS}s",
        "lock_timeout": f"{_LOCK_SECONDS}s",
        "idle_in_transaction_session_timeout": f"{_IDLE_SECONDS}s",
        "TimeZone": "UTC",
    }
    options = [str(url.query.get("options", "")), *(f"-c {name}={value}" for name, value in kept.items())]
    ours = {
        "application_name": "cuelight",
        "connect_timeout": str(_CONNECT_SECONDS),
        "tcp_user_timeout": str(_GONE_MILLISECONDS),
    }
    return {name: url.query.get(name, value) for name, value in ours.items()} | {"options": " ".join(options).strip()}


def _connected(connection: Any, record: Any) -> None:
    """Know the connection's process, and have a handle on its socket by which a wait can be ended."""
    record.info["pid"] = os.getpid()
    record.info["socket"] = socket.socket(fileno=os.dup(connection.fileno()))


def _closed(_connection: Any, record: Any) -> None:
    if kept := record.info.pop("socket", None):
        kept.close()


def _looked_at(dialect: Any, connection: Any, record: Any, proxy: Any) -> None:
    """Refuse a connection that is dead, or that a fork brought along; the pool then makes another."""
    if record.info["pid"] != os.getpid():
        record.dbapi_connection = proxy.dbapi_connection = None
        raise sa.exc.DisconnectionError("This connection is another process's.")
    watch(record.info["socket"])
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise sa.exc.DisconnectionError(str(error)) from error


def prepare(connection: sa.Connection, seconds: float) -> None:
    """Before the schema is brought forward: be the only one who does it, until the transaction ends; have a schema."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{seconds:.0f}s'")
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{seconds:.0f}s'")
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
    connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
