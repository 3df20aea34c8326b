"""What is known of each job that schedulers start: when it is due, and how it went last. One leader writes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from cuelight.operations import leases
from cuelight.operations.leases import Lease
from cuelight.operations.schema import jobs


@dataclass(frozen=True)
class Job:
    """One job; times in seconds since the epoch.

    Attributes:
        name: `drift:MODEL`, or `retrain`.
        line: cron line that it goes by; empty: by none.
        next_at: not before this it is started; None: no time is set.
        began: when it was started last; None: never.
        ended: when that run ended, or was found cut off; None while it runs.
        code: exit code of the last run; None while it runs, and where it was cut off.
        failures: how often it failed in a row.
        host, log: where it ran last, and the file there with all that it printed.
    """

    name: str
    line: str = ""
    next_at: float | None = None
    began: float | None = None
    ended: float | None = None
    code: int | None = None
    failures: int = 0
    host: str = ""
    log: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it was started and did not end, as far as is known."""
        return self.began is not None and self.ended is None


def read(connection: sa.Connection) -> dict[str, Job]:
    """All jobs by name."""
    return {row.name: Job(**row._mapping) for row in connection.execute(sa.select(jobs).order_by(jobs.c.name))}


def keep(connection: sa.Connection, lease: Lease, changed: Iterable[Job]) -> bool:
    """Write jobs down; False (and nothing is written) if another holder has the leader's lease by now."""
    if not leases.holds(connection, lease):
        return False
    for job in changed:
        connection.execute(sa.delete(jobs).where(jobs.c.name == job.name))
        connection.execute(sa.insert(jobs).values(asdict(job)))
    return True
