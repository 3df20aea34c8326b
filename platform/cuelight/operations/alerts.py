"""Alerts, and what became of them at each receiver: written together, so that none is told of and then forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from cuelight.operations.schema import alerts, bookmark, deliveries


class Severity(StrEnum):
    """How soon somebody should look."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class State(StrEnum):
    """What became of an alert at a receiver; `failed`: it was refused for good, and is given up."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True)
class Alert:
    """What a person should know.

    Attributes:
        id: the same however often it is sent: receivers know by it what they have seen.
        topic: what it is about; the message that this is over, `recovered`, has the same.
        at: when it happened, in seconds since the epoch.
        text: one sentence.
        link: where to look on, in MLflow; may be empty.
    """

    id: str
    topic: str
    at: float
    severity: Severity
    title: str
    text: str
    model: str
    version: int | None
    link: str = ""
    recovered: bool = False


@dataclass(frozen=True)
class Delivery:
    """An alert on its way to a receiver; times in seconds since the epoch.

    Attributes:
        tries: how often it was sent.
        next_at: not before this it is sent again.
        tried_at: when it was sent last; None before the first time.
        target: where it was sent last, as far as that may be shown.
        answer: what came back then.
    """

    number: int
    alert: Alert
    channel: str
    state: State
    tries: int
    next_at: float
    tried_at: float | None
    target: str
    answer: str


@dataclass(frozen=True)
class Bookmark:
    """What the reader of the history knows by now, as JSON; `revision` counts how often it was kept."""

    revision: int
    document: Mapping[str, Any]


def marked(connection: sa.Connection) -> Bookmark:
    """What was kept last."""
    return Bookmark(*connection.execute(sa.select(bookmark)).one())


def keep(
    connection: sa.Connection, last: Bookmark, document: Any, found: Iterable[Alert], channels: Sequence[str]
) -> bool:
    """Keep a new bookmark in place of the last one, and the alerts found on the way, to be sent to all channels.

    False, and nothing is written, if another process has kept one in between.
    """
    move = sa.update(bookmark).where(bookmark.c.revision == last.revision)
    if connection.execute(move.values(revision=last.revision + 1, document=document)).rowcount != 1:
        return False
    for alert in found:
        number = connection.execute(sa.insert(alerts).values(asdict(alert))).inserted_primary_key[0]  # type: ignore[index]
        for channel in channels:
            fresh = {"state": State.WAITING, "tries": 0, "next_at": 0.0, "target": "", "answer": ""}
            connection.execute(sa.insert(deliveries).values(alert=number, channel=channel, **fresh))
    return True


def first_waiting(connection: sa.Connection, channel: str) -> Delivery | None:
    """The oldest alert that a channel's receiver has not got: those after it wait for it."""
    query = _joined().where(deliveries.c.channel == channel, deliveries.c.state == State.WAITING)
    row = connection.execute(query.order_by(deliveries.c.alert).limit(1)).one_or_none()
    return _delivery(row) if row else None


def tried(connection: sa.Connection, delivery: Delivery, **values: Any) -> None:
    """Write down how a try went: what changes of `state`, `next_at`, `tried_at`, `target` and `answer`."""
    mine = sa.and_(deliveries.c.alert == delivery.number, deliveries.c.channel == delivery.channel)
    connection.execute(sa.update(deliveries).where(mine).values(tries=deliveries.c.tries + 1, **values))


def read(connection: sa.Connection, limit: int) -> list[Delivery]:
    """Deliveries in the order of their alerts; the newest so many."""
    query = _joined().order_by(alerts.c.number.desc(), deliveries.c.channel.desc()).limit(limit)
    return [_delivery(row) for row in reversed(connection.execute(query).all())]


def _joined() -> sa.Select[Any]:
    return sa.select(alerts, deliveries).join(deliveries, deliveries.c.alert == alerts.c.number)


def _delivery(row: Any) -> Delivery:
    end = 1 + len(fields(Alert))
    alert, (_, channel, state, *rest) = Alert(*row[1:end]), row[end:]
    alert = replace(alert, severity=Severity(alert.severity))
    return Delivery(row[0], alert, channel, State(state), *rest)
