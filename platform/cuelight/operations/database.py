"""The operations database behind one door: history, leases, hosts, jobs, retrain requests, reports, alerts, tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from cuelight.kit.clock import Clock, SystemClock
from cuelight.kit.errors import Unavailable
from cuelight.kit.signing import TrustedKeys
from cuelight.operations import (
    alerts,
    challengers,
    heads,
    history,
    hosts,
    jobs,
    leases,
    reports,
    retraining,
    tokens,
    verification,
)
from cuelight.operations.alerts import Alert, Bookmark, Delivery, State
from cuelight.operations.engine import Database, dump
from cuelight.operations.heads import SignedHead
from cuelight.operations.history import End, Event
from cuelight.operations.host import Host, Record, Roll, Settle
from cuelight.operations.jobs import Job
from cuelight.operations.kinds import Kind
from cuelight.operations.leases import Lease
from cuelight.operations.reports import Report
from cuelight.operations.retraining import BY_HAND, Limits, RetrainRequest
from cuelight.operations.seal import Seal
from cuelight.operations.tokens import IssuedToken

_Line = tuple[str, str, int | None, str, float]  # kind, model, version, detail, moment
_TRIES = 20  # on a server, of those that begin a chain at once all but one try again


class Operations:
    """What all processes of an installation agree on. All times are seconds since the epoch.

    `writer` names the chain in the history that this process writes to: one per host. `keys` is the folder with the
    key that signs that chain, and with those whose signatures count; without it nothing is signed.
    """

    def __init__(self, url: str, writer: str = "local", clock: Clock | None = None, keys: Path | None = None) -> None:
        self._database = Database(url)
        self._writer = writer
        self._clock = clock or SystemClock()
        self._keys = keys
        self._seal = Seal(self._database, writer, keys, self._clock) if keys else None
        self._doubtful: dict[_Line | None, End] = {}

    def close(self) -> None:
        """Sign what this process has recorded, and close all connections."""
        self.seal(at_once=True)
        self._database.close()

    def seal(self, at_once: bool = False) -> None:
        """Sign where the history ends, if this process has added to it; at most once a minute, or `at_once`."""
        if self._seal:
            self._seal.renew(at_once)

    def record(
        self, kind: str, model: str, version: int | None, detail: Mapping[str, Any], at: float | None = None
    ) -> None:
        """Add to the history what happened to a model (or to one version), now or `at`; kinds are in `kinds.py`."""
        moment = float(self._clock.now() if at is None else at)
        line = (str(kind), model, version, dump(dict(detail)), moment)
        self._append(lambda _: line, line)

    def _append(self, write: Callable[[sa.Connection], _Line | None], line: _Line | None = None) -> bool:
        """Add the line that `write` gives to the history, in one transaction with what that writes; neither, where it
        gives none.

        A database that is cut off at a transaction's very end does not say whether it was kept: when the same `line`
        (where it is known before) comes again, it is looked up first.
        """
        for _ in range(_TRIES):
            added = None
            try:
                with self._database.writing() as connection:
                    if line in self._doubtful and history.holds(connection, self._writer, self._doubtful[line]):
                        added = self._doubtful[line]
                    elif (told := write(connection)) is None:
                        connection.rollback()
                        return False
                    else:
                        added = history.append(connection, self._writer, *told)
                        if added is None:
                            connection.rollback()
            except IntegrityError:
                continue
            except Unavailable:
                if added:
                    self._doubtful[line] = added
                raise
            self._doubtful.pop(line, None)
            if added:
                if self._seal:
                    self._seal.grown()
                return True
        raise Unavailable("The history is written to by too many at once. Try again.")

    def history(
        self,
        model: str | None = None,
        since: float | None = None,
        until: float | None = None,
        limit: int | None = None,
        kinds: Sequence[str] = (),
    ) -> list[Event]:
        """Events of `[since, until)`, of all or some kinds, in the order of time; with `limit` the newest of them."""
        with self._database.reading() as connection:
            return history.read(connection, model, since, until, limit, kinds)

    def history_after(self, last: Mapping[str, int], limit: int) -> list[Event]:
        """What each writer wrote after its row of that number, in the order in which it came; at most so many."""
        with self._database.reading() as connection:
            return history.after(connection, last, limit)

    def verify(self, kept: Sequence[SignedHead] = ()) -> list[str]:
        """What is wrong with the history, one sentence each; empty: nothing. `kept` are heads from elsewhere."""
        keys = TrustedKeys.load(self._keys) if self._keys else None
        with self._database.reading() as connection:
            signed = [*heads.read(connection), *kept]
            return verification.faults(history.links(connection), history.ends(connection), signed, keys)

    def heads(self) -> list[SignedHead]:
        """The newest signed head of each writer."""
        with self._database.reading() as connection:
            return list({each.head.writer: each for each in heads.read(connection)}.values())

    def acquire(self, name: str, holder: str, seconds: float, now: float) -> Lease | None:
        """A lease with its fencing token; None while it is held. Names of holders must be unique."""
        try:
            with self._database.writing() as connection:
                return leases.acquire(connection, name, holder, seconds, now)
        except IntegrityError:
            return None

    def lease(self, name: str) -> Lease | None:
        """Who had the name last, and until when; None if nobody ever had it."""
        with self._database.reading() as connection:
            return leases.find(connection, name)

    def renew(self, lease: Lease, seconds: float, now: float) -> bool:
        """Hold on for so long from now; False if another holder has it."""
        with self._database.writing() as connection:
            return leases.extend(connection, lease, now + seconds)

    def release(self, lease: Lease) -> None:
        """Give it up, if it is still this holder's."""
        with self._database.writing() as connection:
            leases.extend(connection, lease, 0.0)

    def beat(self, record: Record, settle: Settle, silent: float, candidate: bool) -> Roll | None:
        """A serving host's sign of life, as `hosts.beat` says; None: others came at the same moment, do it again.

        Raises:
            Misconfigured: another host has that name.
        """
        try:
            with self._database.writing() as connection:
                return hosts.beat(connection, record, settle, silent, candidate)
        except IntegrityError:
            return None

    def hosts(self) -> tuple[Host, ...]:
        """The serving hosts that share this database, by name."""
        with self._database.reading() as connection:
            return hosts.read(connection)

    def drain_host(self, name: str, draining: bool) -> bool:
        """Say whether gateways may send a host anything new; False if there is none of that name."""
        with self._database.writing() as connection:
            return hosts.drain(connection, name, draining)

    def forget_hosts(self) -> None:
        """Delete the rows of hosts that have been gone for a day."""
        with self._database.writing() as connection:
            hosts.forget(connection)

    def leave(self, name: str, folder: str = "") -> None:
        """A follower ends: where its host led, another may at once; with it the host whose `folder` that is, if any."""
        with self._database.writing() as connection:
            hosts.leave(connection, name, folder)

    def jobs(self) -> dict[str, Job]:
        """What schedulers know of each job, by name."""
        with self._database.reading() as connection:
            return jobs.read(connection)

    def keep_jobs(self, lease: Lease, changed: Iterable[Job]) -> bool:
        """Write jobs down; False (and nothing is written) if another holder has the lease by now."""
        with self._database.writing() as connection:
            return jobs.keep(connection, lease, changed)

    def note_job(self, lease: Lease, job: Job, kind: Kind, model: str, detail: Mapping[str, Any], at: float) -> bool:
        """Write a job down and add to the history what came of it, as `keep_jobs` and `record` do: both or neither."""
        line = (str(kind), model, None, dump(dict(detail)), at)
        return self._append(lambda connection: line if jobs.keep(connection, lease, [job]) else None, line)

    def request_retrain(
        self,
        model: str,
        version: int | None,
        reason: str,
        evidence: Mapping[str, Any],
        now: float,
        limits: Limits = BY_HAND,
    ) -> RetrainRequest | None:
        """A new request, which the history tells too (with the evidence's `link`, and who asks: `by`).

        None while one is open, or the limits forbid it: `retraining.hindrance` says how.
        """
        asked: list[RetrainRequest] = []

        def ask(connection: sa.Connection) -> _Line | None:
            asked.clear()
            try:
                request = retraining.ask(connection, model, version, reason, evidence, now, limits)
            except IntegrityError:
                return None
            if request is None:
                return None
            asked.append(request)
            told = {"reason": reason, "request": request.id, "link": evidence.get("link", "")}
            told |= {"by": evidence["by"]} if "by" in evidence else {}
            return str(Kind.RETRAIN_REQUESTED), model, version, dump(told), now

        return asked[0] if self._append(ask) else None

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

    def give_back_retrain(self, request: RetrainRequest, now: float) -> bool:
        """Its holder was told to stop: that is no failed try of it. False if it was taken over."""
        with self._database.writing() as connection:
            return retraining.give_back(connection, request, now)

    def finish_retrain(self, request: RetrainRequest, outcome: str, detail: Mapping[str, Any], now: float) -> bool:
        """It ended, well or not, which goes into the history; False (and nothing is written) if it was taken over."""
        values = {"state": retraining.FINISHED, "outcome": outcome, "detail": dict(detail), "finished_at": now}
        told = dump({"request": request.id, "because": request.reason, "outcome": outcome, **detail})
        line = (str(Kind.RETRAINED), request.model, detail.get("version"), told, now)
        return self._append(lambda connection: line if retraining.change(connection, request, **values) else None, line)

    def retrain(self, number: int) -> RetrainRequest:
        """The request of this id."""
        with self._database.reading() as connection:
            return retraining.find(connection, number)

    def retrains(self, model: str | None = None) -> list[RetrainRequest]:
        """All requests, the newest first."""
        with self._database.reading() as connection:
            return retraining.read(connection, model)

    def challenger(self, model: str) -> RetrainRequest | None:
        """The retraining whose challenger waits in Staging; None: none does, as far as the history tells."""
        with self._database.reading() as connection:
            made = challengers.newest(retraining.read(connection, model))
            if made is None:
                return None
            told = history.read(connection, model, made.requested_at, None, None, challengers.TELLING)
            return made if challengers.still_waits(made, told) else None

    def add_report(self, report: Report, link: str = "") -> None:
        """Keep a drift report, and tell it in the history with the `link` to its page: both or neither."""
        told = dump({"verdict": report.verdict, "reason": report.reason, "rows": report.rows, "link": link})
        line = (str(Kind.DRIFT), report.model, report.version, told, report.at)

        def add(connection: sa.Connection) -> _Line:
            reports.add(connection, report)
            return line

        self._append(add, line)

    def reports(self, model: str, version: int | None = None, limit: int = 20) -> list[Report]:
        """Drift reports, the newest first."""
        with self._database.reading() as connection:
            return reports.read(connection, model, version, limit)

    def bookmark(self) -> Bookmark:
        """How far the history was read for alerts, and what is known from it."""
        with self._database.reading() as connection:
            return alerts.marked(connection)

    def keep_alerts(
        self, last: Bookmark, document: Mapping[str, Any], found: Iterable[Alert], channels: Sequence[str]
    ) -> bool:
        """Keep a new bookmark, with the alerts found on the way for all channels; False: another was first."""
        with self._database.writing() as connection:
            return alerts.keep(connection, last, dict(document), found, channels)

    def first_waiting(self, channel: str) -> Delivery | None:
        """The oldest alert that a channel's receiver has not got."""
        with self._database.reading() as connection:
            return alerts.first_waiting(connection, channel)

    def note_delivery(
        self, delivery: Delivery, state: State, target: str, answer: str, now: float, next_at: float
    ) -> None:
        """It was sent once more, with this outcome."""
        values = {"state": state, "target": target, "answer": answer, "tried_at": now, "next_at": next_at}
        with self._database.writing() as connection:
            alerts.tried(connection, delivery, **values)

    def deliveries(self, limit: int = 50) -> list[Delivery]:
        """The newest deliveries, in the order of their alerts."""
        with self._database.reading() as connection:
            return alerts.read(connection, limit)

    def add_token(self, token: IssuedToken) -> None:
        """Write down that a token was issued."""
        with self._database.writing() as connection:
            tokens.add(connection, token)

    def revoke_token(self, token: str, by: str, now: float) -> bool:
        """A token (by its id) counts no more; False if it was revoked before, or there is none of that id."""
        with self._database.writing() as connection:
            return tokens.revoke(connection, token, by, now)

    def tokens(self) -> list[IssuedToken]:
        """All that were issued, the newest first."""
        with self._database.reading() as connection:
            return tokens.read(connection)
