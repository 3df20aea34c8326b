"""Retrain requests: asked for once, taken once, taken up again if their holder dies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cuelight.operations.schema import retrains

QUEUED, RUNNING, FINISHED = "queued", "running", "finished"


@dataclass(frozen=True)
class RetrainRequest:
    """A request and how far it is; times in seconds since the epoch. `token` counts how often it was taken."""

    id: int
    model: str
    version: int | None
    reason: str
    evidence: Mapping[str, Any]
    requested_at: float
    state: str
    holder: str
    token: int
    lease_until: float
    taken_at: float | None
    finished_at: float | None
    outcome: str
    detail: Mapping[str, Any]


def cooling(ended: float | None, now: float, cooldown: float) -> bool:
    """Whether the last retraining ended (epoch s; None: there was none) less than the cooldown (s) ago."""
    return ended is not None and now - ended < cooldown


def ask(
    connection: sa.Connection,
    model: str,
    version: int | None,
    reason: str,
    evidence: Mapping[str, Any],
    now: float,
    cooldown: float,
) -> RetrainRequest | None:
    """A new request, or None in the cooldown: then the transaction must be rolled back.

    The row is written before the cooldown is looked up: whoever finished in between is seen by then.

    Raises:
        sqlalchemy.exc.IntegrityError: one is open.
    """
    values = {
        "model": model,
        "version": version,
        "reason": reason,
        "evidence": dict(evidence),
        "requested_at": now,
        "state": QUEUED,
        "holder": "",
        "token": 0,
        "lease_until": 0.0,
        "outcome": "",
        "detail": {},
    }
    number = connection.execute(sa.insert(retrains).values(values)).inserted_primary_key[0]  # type: ignore[index]
    ended = sa.select(sa.func.max(retrains.c.finished_at)).where(retrains.c.model == model)
    last = connection.execute(ended).scalar()
    if cooling(last, now, cooldown):
        return None
    return find(connection, number)


def take(
    connection: sa.Connection, holder: str, seconds: float, now: float, model: str | None
) -> RetrainRequest | None:
    """The oldest request that waits, or whose holder's lease is over; None if there is none."""
    free = sa.or_(retrains.c.state == QUEUED, sa.and_(retrains.c.state == RUNNING, retrains.c.lease_until <= now))
    query = sa.select(retrains.c.id, retrains.c.token).where(free).order_by(retrains.c.requested_at, retrains.c.id)
    if model is not None:
        query = query.where(retrains.c.model == model)
    for candidate in connection.execute(query).all():
        mine = sa.update(retrains).where(retrains.c.id == candidate.id, retrains.c.token == candidate.token, free)
        values = {"state": RUNNING, "holder": holder, "token": candidate.token + 1, "lease_until": now + seconds}
        if connection.execute(mine.values(taken_at=now, **values)).rowcount == 1:
            return find(connection, candidate.id)
    return None


def change(connection: sa.Connection, request: RetrainRequest, **values: Any) -> bool:
    """Change a request that is still this holder's; False if the lease was lost to another."""
    mine = sa.update(retrains).where(
        retrains.c.id == request.id, retrains.c.token == request.token, retrains.c.state == RUNNING
    )
    return connection.execute(mine.values(values)).rowcount == 1


def find(connection: sa.Connection, number: int) -> RetrainRequest:
    """The request of this id."""
    return RetrainRequest(*connection.execute(sa.select(retrains).where(retrains.c.id == number)).one())


def read(connection: sa.Connection, model: str | None) -> list[RetrainRequest]:
    """All requests, the newest first."""
    query = sa.select(retrains).order_by(retrains.c.id.desc())
    if model is not None:
        query = query.where(retrains.c.model == model)
    return [RetrainRequest(*row) for row in connection.execute(query)]
