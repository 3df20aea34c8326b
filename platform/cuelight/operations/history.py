"""What happened, row by row, each chained by SHA-256 to the row its writer wrote before."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from cuelight.operations.engine import dump
from cuelight.operations.schema import heads, history


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


def append(
    connection: sa.Connection, writer: str, kind: str, model: str, version: int | None, detail: str, at: float
) -> bool:
    """Add a row after the writer's last one; False if another process added one in between (try again)."""
    last = connection.execute(sa.select(heads).where(heads.c.writer == writer)).one_or_none()
    sequence, previous = (last.sequence + 1, last.hash) if last else (1, "")
    row = {
        "writer": writer,
        "sequence": sequence,
        "at": at,
        "kind": kind,
        "model": model,
        "version": version,
        "detail": detail,
        "previous": previous,
    }
    row["hash"] = _hash(row)
    head = {"writer": writer, "sequence": sequence, "hash": row["hash"]}
    if last is None:
        connection.execute(sa.insert(heads).values(head))
    else:
        move = sa.update(heads).where(heads.c.writer == writer, heads.c.sequence == last.sequence).values(head)
        if connection.execute(move).rowcount != 1:
            return False
    connection.execute(sa.insert(history).values(row))
    return True


def read(
    connection: sa.Connection, model: str | None, since: float | None, until: float | None, limit: int | None
) -> list[Event]:
    """Rows of `[since, until)` in the order of time; with `limit` the newest ones."""
    query = sa.select(history).order_by(history.c.at.desc(), history.c.id.desc())
    if model is not None:
        query = query.where(history.c.model == model)
    if since is not None:
        query = query.where(history.c.at >= since)
    if until is not None:
        query = query.where(history.c.at < until)
    rows = connection.execute(query.limit(limit)).all()
    return [_event(row) for row in reversed(rows)]


def verify(connection: sa.Connection) -> list[str]:
    """What is wrong with the chains, one sentence each; empty if no row was changed, added or taken away.

    Whoever can write the database can also write all of a chain anew: this finds accidents and careless hands.
    """
    expected = {row.writer: row for row in connection.execute(sa.select(heads))}
    faults: list[str] = []
    last: dict[str, tuple[int, str]] = {}
    for row in connection.execute(sa.select(history).order_by(history.c.writer, history.c.sequence)):
        sequence, previous = last.get(row.writer, (0, ""))
        if row.sequence != sequence + 1:
            faults.append(f"{row.writer}: rows {sequence + 1} to {row.sequence - 1} are missing.")
        elif row.previous != previous:
            faults.append(f"{row.writer}: row {row.sequence} does not follow the row before it.")
        if row.hash != _hash(row._asdict()):
            faults.append(f"{row.writer}: row {row.sequence} was changed after it was written.")
        last[row.writer] = row.sequence, row.hash
    for writer, head in expected.items():
        if last.get(writer, (0, "")) != (head.sequence, head.hash):
            faults.append(f"{writer}: the chain does not end in its row {head.sequence}.")
    faults += [f"{writer}: the chain's head is missing." for writer in last if writer not in expected]
    return faults


def _hash(row: Mapping[str, Any]) -> str:
    names = ("writer", "sequence", "at", "kind", "model", "version", "detail", "previous")
    return hashlib.sha256(dump([row[name] for name in names]).encode()).hexdigest()


def _event(row: Any) -> Event:
    detail = orjson.loads(row.detail)
    return Event(row.id, row.writer, row.sequence, row.at, row.kind, row.model, row.version, detail, row.hash)
