"""Retrain requests: asked for once and not too often, taken once, taken up again if their holder dies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import sqlalchemy as sa

from cuelight.kit.clock import utc
from cuelight.kit.settings import Settings
from cuelight.operations.schema import retrains

QUEUED, RUNNING, FINISHED = "queued", "running", "finished"
# What a finished request came to.
STAGED, PROMOTED, REJECTED, NOT_ENOUGH, FAILED = "staged", "promoted", "rejected", "not enough labels", "failed"
_DAY = 86_400.0
_FIRST_PAUSE = 600.0  # after a failure, where the cooldown is shorter


@dataclass(frozen=True)
class RetrainRequest:
    """A request and how far it is; times in seconds since the epoch.

    `token` counts how often it was taken, `stops` how often a holder that was told to stop gave it back.
    """

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
    stops: int = 0


@dataclass(frozen=True)
class Limits:
    """How often a model may be retrained without a person's asking.

    `cooldown`: seconds from the end of one retraining; `most_a_day`: how many may be asked for within 24 hours, 0: any;
    `patience`: seconds that a challenger may wait in Staging before another is asked for.
    """

    cooldown: float = 0.0
    most_a_day: int = 0
    patience: float = 0.0

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """Those that a model's settings hold."""
        patience = settings.retrain_patience_days * _DAY
        return cls(settings.retrain_cooldown_seconds, settings.retrain_most_a_day, patience)

    def pause(self, failures: int) -> float:
        """Seconds from the end of the last one, of which so many failed in a row: twice as long each time, to a day."""
        if not failures:
            return self.cooldown
        first = max(self.cooldown, _FIRST_PAUSE)
        return max(first, min(_DAY, first * 2.0 ** min(failures - 1, 20)))


BY_HAND = Limits()
"""A person's wish knows none but this: one request at a time."""


def hindrance(
    requests: Sequence[RetrainRequest], limits: Limits, now: float, waiting: RetrainRequest | None = None
) -> str:
    """Why none may be asked for now, to complete "..., but ..."; empty: it may.

    `requests` are a model's, newest first; `waiting` is that of them whose challenger still waits in Staging.
    """
    for each in requests:
        if each.state != FINISHED:
            return f"request {each.id} is open already."
    if waiting is not None and (waits := _waits(waiting, limits, now)):
        return waits
    ended = sorted(requests, key=lambda each: each.finished_at or 0.0, reverse=True)
    failures = len(list(takewhile(lambda each: each.outcome == FAILED, ended)))
    until = (ended[0].finished_at or 0.0) + limits.pause(failures) if ended else now
    if now < until:
        what = f"the last {failures} failed" if failures > 1 else "the last one failed" if failures else "one has ended"
        return f"{what}, and the pause after it lasts until {utc(until)} UTC."
    lately = [each for each in requests if each.requested_at > now - _DAY and each.outcome != NOT_ENOUGH]
    if limits.most_a_day and len(lately) >= limits.most_a_day:
        return f"{len(lately)} were asked for within a day (setting `retrain.most_a_day`)."
    return ""


def _waits(request: RetrainRequest, limits: Limits, now: float) -> str:
    """That its challenger waits; empty: it did so for long enough.

    Meanwhile the old version in Production goes on being judged, though it is about to be replaced.
    """
    until = (request.finished_at or 0.0) + limits.patience
    if now >= until:
        return ""
    version = request.detail.get("version")
    who = "a challenger" if version is None else f"version {version}"
    return (
        f"{who} waits in Staging: promote or archive it, else one may be asked for from {utc(until)} UTC on "
        "(setting `retrain.patience_days`)."
    )


def last_learned(requests: Sequence[RetrainRequest]) -> float:
    """When the newest request was filed that did not fail for want of anything, epoch seconds; 0: there is none."""
    came = (each.requested_at for each in requests if each.outcome not in (FAILED, NOT_ENOUGH))
    return max(came, default=0.0)


def ask(
    connection: sa.Connection,
    model: str,
    version: int | None,
    reason: str,
    evidence: Mapping[str, Any],
    now: float,
    limits: Limits,
) -> RetrainRequest | None:
    """A new request, or None where the limits forbid one: then the transaction must be rolled back.

    The row is written before the others are looked at: whoever finished in between is seen by then.

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
    others = [each for each in read(connection, model) if each.id != number]
    return None if limits != BY_HAND and hindrance(others, limits, now) else find(connection, number)


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


def give_back(connection: sa.Connection, request: RetrainRequest, now: float) -> bool:
    """Let anybody take it at once, since its holder was told to stop; False if the lease was lost to another."""
    return change(connection, request, lease_until=now, stops=request.stops + 1)


def find(connection: sa.Connection, number: int) -> RetrainRequest:
    """The request of this id."""
    return RetrainRequest(*connection.execute(sa.select(retrains).where(retrains.c.id == number)).one())


def read(connection: sa.Connection, model: str | None) -> list[RetrainRequest]:
    """All requests, the newest first."""
    query = sa.select(retrains).order_by(retrains.c.id.desc())
    if model is not None:
        query = query.where(retrains.c.model == model)
    return [RetrainRequest(*row) for row in connection.execute(query)]
