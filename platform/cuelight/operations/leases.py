"""Leases: a name is one holder's until it expires; the token grows with every holder, so a stale one is known."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from cuelight.operations.schema import leases


@dataclass(frozen=True)
class Lease:
    """A name that is held until `expires` (seconds since the epoch)."""

    name: str
    holder: str
    token: int
    expires: float


def acquire(connection: sa.Connection, name: str, holder: str, seconds: float, now: float) -> Lease | None:
    """The lease, or None while anybody holds it (the same holder too: names of holders must be unique).

    Raises:
        sqlalchemy.exc.IntegrityError: another process took a name that was never held before.
    """
    last = connection.execute(sa.select(leases).where(leases.c.name == name)).one_or_none()
    if last is None:
        lease = Lease(name, holder, 1, now + seconds)
        connection.execute(sa.insert(leases).values(**lease.__dict__))
        return lease
    if last.expires > now:
        return None
    lease = Lease(name, holder, last.token + 1, now + seconds)
    taken = sa.update(leases).where(leases.c.name == name, leases.c.token == last.token, leases.c.expires <= now)
    return lease if connection.execute(taken.values(**lease.__dict__)).rowcount == 1 else None


def find(connection: sa.Connection, name: str) -> Lease | None:
    """Who had the name last, and until when; None if nobody ever had it."""
    row = connection.execute(sa.select(leases).where(leases.c.name == name)).one_or_none()
    return Lease(*row) if row else None


def holds(connection: sa.Connection, lease: Lease) -> bool:
    """Whether nobody else has the name by now; nobody can take it before the transaction ends."""
    mine = sa.select(leases.c.token).where(leases.c.name == lease.name, leases.c.token == lease.token)
    return connection.execute(mine.with_for_update()).one_or_none() is not None


def extend(connection: sa.Connection, lease: Lease, until: float) -> bool:
    """Hold it until `until` (a moment gone by gives it up); False if another holder has it by now."""
    mine = sa.update(leases).where(leases.c.name == lease.name, leases.c.token == lease.token)
    return connection.execute(mine.values(expires=until)).rowcount == 1
