"""What happened, row by row, each chained by SHA-256 to the row its writer wrote before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa

from cuelight.operations.engine import dump
from cuelight.operations.schema import heads, history
from cuelight.operations.texts import storable
from cuelight.operations.verification import Link


@dataclass(frozen=True)
class Event:
    """One row; `at` in seconds since the epoch, `version` None where it is about the model as a whole."""

    id: int
    writer: str
    sequence: int
    at: float
    kind: str
    model: str
    version: int | None
    detail: Mapping[str, Any]
    hash: str


class End(NamedTuple):
    """A row of a chain, by its number and its hash."""

    sequence: int
    hash: str


def append(
    connection: sa.Connection, writer: str, kind: str, model: str, version: int | None, detail: str, at: float
) -> End | None:
    """Add a row after the writer's last one; None if another process added one in between (try again)."""
    # On a server, writers of one chain queue here; on SQLite they queued when the transaction began.
    query = sa.select(heads).where(heads.c.writer == writer).with_for_update()
    last = connection.execute(query).one_or_none()
    sequence, previous = (last.sequence + 1, last.hash) if last else (1, "")
    values = {
        "writer": writer,
        "sequence": sequence,
        "at": at,
        "kind": kind,
        "model": model,
        "version": version,
        "detail": detail,
        "previous": previous,
    }
    row: dict[str, Any] = storable(values)  # as it is kept, it is hashed
    row["hash"] = _hash(row)
    head = {"writer": row["writer"], "sequence": sequence, "hash": row["hash"]}
    if last is None:
        connection.execute(sa.insert(heads).values(head))
    else:
        move = sa.update(heads).where(heads.c.writer == writer, heads.c.sequence == last.sequence).values(head)
        if connection.execute(move).rowcount != 1:
            return None
    connection.execute(sa.insert(history).values(row))
    return End(sequence, row["hash"])


def holds(connection: sa.Connection, writer: str, end: End) -> bool:
    """Whether the writer's chain has this very row."""
    row = sa.select(history.c.hash).where(history.c.writer == writer, history.c.sequence == end.sequence)
    return connection.execute(row).scalar() == end.hash


def read(
    connection: sa.Connection,
    model: str | None,
    since: float | None,
    until: float | None,
    limit: int | None,
    kinds: Sequence[str] = (),
) -> list[Event]:
    """Rows of `[since, until)` in the order of time, of some kinds or of all; with `limit` the newest ones."""
    query = sa.select(history).order_by(history.c.at.desc(), history.c.id.desc())
    if model is not None:
        query = query.where(history.c.model == model)
    if since is not None:
        query = query.where(history.c.at >= since)
    if until is not None:
        query = query.where(history.c.at < until)
    if kinds:
        query = query.where(history.c.kind.in_(kinds))
    rows = connection.execute(query.limit(limit)).all()
    return [_event(row) for row in reversed(rows)]


def after(connection: sa.Connection, last: Mapping[str, int], limit: int) -> list[Event]:
    """What each writer wrote after its row of that number, in the order in which it came; at most so many.

    A writer's rows are numbered without gaps and committed in their order, so that none is ever passed by.
    """
    found: list[Event] = []
    for writer, (newest, _) in ends(connection).items():
        known = last.get(writer, 0)
        if newest > known:
            chain = sa.select(history).where(history.c.writer == writer, history.c.sequence > known)
            found += map(_event, connection.execute(chain.order_by(history.c.sequence).limit(limit)))
    return sorted(found, key=lambda event: event.id)[:limit]


def links(connection: sa.Connection) -> Iterator[Link]:
    """All rows as links of their chains, each writer's together and in their order."""
    for row in connection.execute(sa.select(history).order_by(history.c.writer, history.c.sequence)):
        yield Link(row.writer, row.sequence, row.at, row.previous, row.hash, row.hash == _hash(row._asdict()))


def ends(connection: sa.Connection) -> dict[str, End]:
    """The row that each writer's chain is said to end in."""
    return {row.writer: End(row.sequence, row.hash) for row in connection.execute(sa.select(heads))}


def _hash(row: Mapping[str, Any]) -> str:
    names = ("writer", "sequence", "at", "kind", "model", "version", "detail", "previous")
    return hashlib.sha256(dump([row[name] for name in names]).encode()).hexdigest()


def _event(row: Any) -> Event:
    detail = orjson.loads(row.detail)
    return Event(row.id, row.writer, row.sequence, row.at, row.kind, row.model, row.version, detail, row.hash)
