"""The serving hosts that share this database: each writes a row of its own every few seconds, and reads the others'.

How long ago that was is said by the database's clock alone: those of the machines may differ. What a row says is
believed: who can write here could as well rewrite the history.
"""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from cuelight.kit.errors import Misconfigured
from cuelight.operations import leases
from cuelight.operations.host import Host, Record, Role, Roll, Settle
from cuelight.operations.schema import hosts

GONE_SECONDS = 86_400.0  # a row without a sign of life for so long is deleted
_LEADER = "hosts"
_decoded: dict[str, tuple[str, tuple[Role, ...]]] = {}  # each host's roles as read last, and what they were read from


def beat(connection: sa.Connection, record: Record, settle: Settle, silent: float, candidate: bool) -> Roll:
    """One sign of life: write the host's row, take or keep the lead if it is a `candidate`, and read all rows.

    Raises:
        Misconfigured: a host of the same name that serves from another folder, or from a copy of this one's, was here
            within `silent` seconds.
        sqlalchemy.exc.IntegrityError: another host came, or took the lead, at the same moment.
    """
    _be_alone(connection)
    before = read(connection)
    namesake = next((each for each in before if each.name == record.name), None)
    if namesake and namesake.age < silent:
        _check(record, namesake)
    others = [each for each in before if each.name != record.name]
    settled = settle(record, others)
    _write(connection, settled, namesake)
    leader = _lead(connection, record.name, silent, candidate)
    own = Host(**msgspec.structs.asdict(settled), draining=_is_drained(settled, namesake))
    return Roll(tuple(sorted([*others, own], key=lambda each: each.name)), leader)


def read(connection: sa.Connection) -> tuple[Host, ...]:
    """All hosts, by name."""
    rows = connection.execute(sa.select(hosts, (_now() - hosts.c.seen).label("age")).order_by(hosts.c.name))
    names = tuple(rows.keys())
    found = tuple(_host(dict(zip(names, row, strict=True))) for row in rows)
    for gone in {*_decoded} - {each.name for each in found}:
        _decoded.pop(gone, None)
    return found


def drain(connection: sa.Connection, name: str, draining: bool) -> bool:
    """Say whether gateways may send a host anything new; False if there is none of that name."""
    mine = sa.update(hosts).where(hosts.c.name == name)
    return connection.execute(mine.values(draining=draining)).rowcount == 1


def forget(connection: sa.Connection) -> None:
    """Delete the rows of hosts that have been gone for a day."""
    connection.execute(sa.delete(hosts).where(hosts.c.seen < _now() - GONE_SECONDS))


def leave(connection: sa.Connection, name: str, folder: str = "") -> None:
    """Let another host lead at once, where this one did; its row stays, since it goes on serving.

    Not where it ends altogether, and says what its `folder` is: unless it is drained, and to be so when it comes back.
    """
    mine = sa.and_(hosts.c.name == name, hosts.c.folder == folder, hosts.c.draining.is_(False))
    connection.execute(sa.delete(hosts).where(mine))
    lease = leases.find(connection, _LEADER)
    if lease and lease.holder == name:
        leases.extend(connection, lease, 0.0)


def _be_alone(connection: sa.Connection) -> None:
    """Nobody writes a row until the transaction ends, nor comes with a new one, which no lock on rows would keep away.

    On SQLite whoever writes is alone as it is.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"LOCK TABLE {hosts.name} IN SHARE ROW EXCLUSIVE MODE")


def _check(record: Record, namesake: Host) -> None:
    """Go on only if the host of that name that was heard of just now is this one."""
    if namesake.folder != record.folder:
        raise Misconfigured(
            f"Another host is called {record.name!r}, at {_where(namesake)}: set host_name on one of them."
        )
    if namesake.started > record.started:  # this one ended before it began again; so that is not this one
        raise Misconfigured(
            f"Another host called {record.name!r} serves from a copy of this host's folder, at {_where(namesake)}: "
            "on one of them delete serving/host.id, and set host_name."
        )


def _is_drained(record: Record, namesake: Host | None) -> bool:
    """Whether people drained this host; another one that has its name by now was never drained."""
    return namesake is not None and namesake.draining and namesake.folder == record.folder


def _write(connection: sa.Connection, record: Record, namesake: Host | None) -> None:
    values: dict[str, Any] = {**msgspec.structs.asdict(record), "seen": _now()}
    values |= {"roles": msgspec.json.encode(record.roles).decode(), "draining": _is_drained(record, namesake)}
    if namesake is None:
        connection.execute(sa.insert(hosts).values(**values))
    else:
        connection.execute(sa.update(hosts).where(hosts.c.name == record.name).values(**values))


def _lead(connection: sa.Connection, name: str, seconds: float, candidate: bool) -> str:
    """Who leads from now on. By the database's clock: a machine whose clock is ahead takes no lead from others."""
    now = float(connection.execute(sa.select(_now())).scalar_one())
    lease = leases.find(connection, _LEADER)
    if lease is None or lease.expires <= now:
        taken = leases.acquire(connection, _LEADER, name, seconds, now) if candidate else None
        return taken.holder if taken else ""
    if lease.holder == name:
        leases.extend(connection, lease, now + seconds if candidate else 0.0)
        return name if candidate else ""
    return lease.holder


def _host(row: dict[str, Any]) -> Host:
    del row["seen"]
    return Host(**{**row, "roles": _roles(row["name"], row["roles"])})


def _roles(name: str, text: str) -> tuple[Role, ...]:
    """From one look to the next most hosts say the same, and some models' roles on many hosts are much to decode."""
    known = _decoded.get(name)
    if known is None or known[0] != text:
        known = _decoded[name] = text, msgspec.json.decode(text, type=tuple[Role, ...])
    return known[1]


def _where(host: Host) -> str:
    return f"{host.address}:{host.port}" if host.address else "another machine or folder"


class _now(FunctionElement[float]):  # noqa: N801  named as SQL functions are
    """The database's clock, in epoch seconds."""

    type = sa.Double()
    inherit_cache = True


@compiles(_now, "sqlite")
def _sqlite_now(*_: Any, **__: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(_now)
def _server_now(*_: Any, **__: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)"
