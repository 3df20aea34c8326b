"""The operations database behind one door: history, leases, retrain requests, reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.exc import IntegrityError

from cuelight.kit.clock import Clock, SystemClock
from cuelight.kit.errors import Unavailable
from cuelight.operations import history, leases, reports, retraining
from cuelight.operations.engine import Database, dump
from cuelight.operations.history import Event
from cuelight.operations.leases import Lease
from cuelight.operations.reports import Report
from cuelight.operations.retraining import RetrainRequest

_TRIES = 20  # PostgreSQL: writers of one chain that meet; on SQLite the first try always succeeds


class Operations:
    """What all processes of an installation agree on. All times are seconds since the epoch.

    `writer` names the chain in the history that this process writes to: one per host.
    """

    def __init__(self, url: str, writer: str = "local", clock: Clock | None = None) -> None:
        self._database = Database(url)
        self._writer = writer
        self._clock = clock or SystemClock()

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def record(
        self, kind: str, model: str, version: int | None, detail: Mapping[str, Any], at: float | None = None
    ) -> None:
        """Add to the history what happened to a model (or to one version), now or `at`; kinds are in `kinds.py`."""
        moment, text = float(self._clock.now() if at is None else at), dump(dict(detail))
        for _ in range(_TRIES):
            try:
                with self._database.writing() as connection:
                    if history.append(connection, self._writer, str(kind), model, version, text, moment):
                        return
            except IntegrityError:
                continue
        raise Unavailable("The history is written to by too many at once. Try again.")

    def history(
        self, model: str | None = None, since: float | None = None, until: float | None = None, limit: int | None = None
    ) -> list[Event]:
        """Events of `[since, until)`, in the order of time; with `limit` the newest of them."""
        with self._database.reading() as connection:
            return history.read(connection, model, since, until, limit)

    def verify(self) -> list[str]:
        """What is wrong with the history's chains, one sentence each; empty: nothing."""
        with self._database.reading() as connection:
            return history.verify(connection)

    def acquire(self, name: str, holder: str, seconds: float, now: float) -> Lease | None:
        """A lease with its fencing token; None while it is held. Names of holders must be unique."""
        try:
            with self._database.writing() as connection:
                return leases.acquire(connection, name, holder, seconds, now)
        except IntegrityError:
            return None

    def renew(self, lease: Lease, seconds: float, now: float) -> bool:
        """Hold on for so long from now; False if another holder has it."""
        with self._database.writing() as connection:
            return leases.extend(connection, lease, now + seconds)

    def release(self, lease: Lease) -> None:
        """Give it up, if it is still this holder's."""
        with self._database.writing() as connection:
            leases.extend(connection, lease, 0.0)

    def request_retrain(
        self,
        model: str,
        version: int | None,
        reason: str,
        evidence: Mapping[str, Any],
        now: float,
        cooldown_seconds: float,
    ) -> RetrainRequest | None:
        """A new request; None while one is open, or the last one ended less than the cooldown ago."""
        try:
            with self._database.writing() as connection:
                request = retraining.ask(connection, model, version, reason, evidence, now, cooldown_seconds)
                if request is None:
                    connection.rollback()
                return request
        except IntegrityError:
            return None

    def take_retrain(
        self, holder: str, lease_seconds: float, now: float, model: str | None = None
    ) -> RetrainRequest | None:
        """The oldest request that nobody works on (or whose worker fell silent), now this holder's."""
        with self._database.writing() as connection:
            return retraining.take(connection, holder, lease_seconds, now, model)

    def renew_retrain(self, request: RetrainRequest, lease_seconds: float, now: float) -> bool:
        """Still at work; False if it was taken over."""
        with self._database.writing() as connection:
            return retraining.change(connection, request, lease_until=now + lease_seconds)

    def finish_retrain(self, request: RetrainRequest, outcome: str, detail: Mapping[str, Any], now: float) -> bool:
        """It ended, well or not; False (and nothing is written) if it was taken over."""
        values = {"state": retraining.FINISHED, "outcome": outcome, "detail": dict(detail), "finished_at": now}
        with self._database.writing() as connection:
            return retraining.change(connection, request, **values)

    def retrains(self, model: str | None = None) -> list[RetrainRequest]:
        """All requests, the newest first."""
        with self._database.reading() as connection:
            return retraining.read(connection, model)

    def add_report(self, report: Report) -> int:
        """Keep a drift report; its id."""
        with self._database.writing() as connection:
            return reports.add(connection, report)

    def reports(self, model: str, version: int | None = None, limit: int = 20) -> list[Report]:
        """Drift reports, the newest first."""
        with self._database.reading() as connection:
            return reports.read(connection, model, version, limit)
