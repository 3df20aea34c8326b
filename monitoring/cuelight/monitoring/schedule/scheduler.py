"""The scheduler: one process of an installation that starts drift jobs and retrainings, one at a time."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cuelight.kit.clock import Clock, SystemClock
from cuelight.kit.errors import RegistryUnavailable, Unavailable
from cuelight.kit.log import Log
from cuelight.kit.settings import Settings
from cuelight.monitoring.retraining.petition import petition
from cuelight.monitoring.retraining.triggers import Known
from cuelight.monitoring.schedule.child import Child, cuelight, new_log
from cuelight.monitoring.schedule.plans import ASK, DRIFT, RETRAIN, plans
from cuelight.monitoring.schedule.timetable import Timetable
from cuelight.operations.database import Operations
from cuelight.operations.holding import unique_holder
from cuelight.operations.kinds import Kind
from cuelight.operations.leases import Lease
from cuelight.operations.retraining import FINISHED, QUEUED

LEASE = "scheduler"
TICK_SECONDS = 2.0
_LEASE_SECONDS = 30.0
_MODELS_SECONDS = 30.0
# A drift job that hangs must not keep all the others from running.
_DRIFT_SECONDS = 900.0
_BUSY_SECONDS = 60.0
# `cuelight drift` ends with 0 or with its verdict, or says that another process is at it; all else is a failure.
VERDICT_CODES = (0, 10, 11, 12, 13)
# `cuelight retrain --next`: 10 says that a retraining failed, which it has told itself; others need not wait for that.
RETRAIN_CODES = (0, 10)
_WAITS = "Another scheduler is at work; this one waits for its lease."
_log = Log("monitoring.scheduler")

# (name, command, log) -> a running child; tests hand in commands of their own.
Start = Callable[[str, Sequence[str], Path], Child]


class Scheduler:
    """Ticks: hold the lease, see to the child that runs, else start what is due.

    Everything it knows is in the operations database, so a killed scheduler is taken over, also by another host. Its
    child is told to end with it; and each job holds a lease of its own, so that nothing runs twice even when two
    schedulers believe to be the one.
    """

    def __init__(
        self,
        settings: Settings,
        models: Callable[[], list[str]],
        operations: Operations,
        clock: Clock | None = None,
        start: Start = Child,
    ) -> None:
        self._settings = settings
        self._models = models
        self._operations = operations
        self._clock = clock or SystemClock()
        self._start = start
        self._host = socket.gethostname()
        self._holder = unique_holder()
        self._lease: Lease | None = None
        self._until = 0.0
        self._child: Child | None = None
        self._begun = 0.0
        self._known: list[str] = []
        self._faults: list[str] = []
        self._asked_at: float | None = None
        self._timetable = Timetable()
        self._noticed: dict[str, float] = {}  # when the end of each job was seen that is not written down yet

    def tick(self) -> str:
        """One step, and what it was in a sentence."""
        if not self._leads():
            return _WAITS
        if self._child is not None:
            return self._see_to(self._child)
        now = self._clock.now()
        self._note_cut_off(now)
        self._learn_models()
        self._ask_for_retraining(now)
        if self._retrain_waits() and self._timetable.may_start(RETRAIN, now):
            return self._begin(RETRAIN, cuelight("retrain", "--next"))
        due = [name for name in self._timetable.due(now) if name.startswith(DRIFT)]
        if due:
            return self._begin(due[0], cuelight("drift", due[0].removeprefix(DRIFT), "--only-new", "--json"))
        watched = sum(name.startswith(DRIFT) for name in self._timetable.plans)
        return " ".join([f"Nothing is due; {watched} models are watched.", *self._faults])

    def stop(self) -> None:
        """End the child and give the lease up, so that another scheduler goes on at once."""
        child, lease = self._child, self._lease
        if child is not None:
            self._end_child()
            self._keep(self._timetable.put_back(child.name, self._clock.now()))
        if lease is not None:
            self._operations.release(lease)
            self._lease = None

    def _leads(self) -> bool:
        try:
            if self._renewed():
                return True
            self._end_child()  # another leads, and may have started the same
            return self._elected()
        except Unavailable:
            if self._clock.now() >= self._until:
                self._end_child()  # others may reach the database, and lead by now
            raise

    def _renewed(self) -> bool:
        now = self._clock.now()
        if self._lease is None or not self._operations.renew(self._lease, _LEASE_SECONDS, now):
            return False
        self._until = now + _LEASE_SECONDS
        return True

    def _elected(self) -> bool:
        now = self._clock.now()
        self._lease = None  # until it is known what the one before knew
        self._noticed = {}
        lease = self._operations.acquire(LEASE, self._holder, _LEASE_SECONDS, now)
        if lease is None:
            return False
        self._timetable = Timetable(self._operations.jobs())
        self._lease, self._until = lease, now + _LEASE_SECONDS
        planned = [name.split(":", 1) for name, job in self._timetable.jobs.items() if job.line]
        self._known = sorted({model for _, model in planned})
        self._asked_at = None
        return True

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None

    def _see_to(self, child: Child) -> str:
        if child.exit_code is None and self._clock.monotonic() - self._begun > self._limit(child):
            _log.error("job-ended", f"{child.name} took longer than {self._limit(child):.0f} s, and is ended.")
            (
                child.end if child.name.startswith(DRIFT) else child.kill
            )()  # a retraining that is told to stop is no failure
        code, now = child.exit_code, self._clock.now()
        if code is None:
            return f"{child.name} is running."
        name, table = child.name, self._timetable
        now = self._noticed.setdefault(name, now)
        if code in (VERDICT_CODES if name.startswith(DRIFT) else RETRAIN_CODES):
            table, said = table.ended(name, now, code), f"{name} ended with code {code}."
        elif code == os.EX_TEMPFAIL:
            table = table.put_back(name, now, code, _BUSY_SECONDS)
            said = f"{name} is being done by another process; its turn comes again in a minute."
        else:
            table, said = table.failed(name, now, code), f"{name} failed with code {code}; it is tried again later."
        self._keep_end(child, table, code, now)
        self._child = None
        del self._noticed[name]
        return said

    def _keep_end(self, child: Child, table: Timetable, code: int, now: float) -> None:
        """Write down how a job ended; the history tells that it failed, or runs well again after failures in a row."""
        before, failures = self._timetable.jobs[child.name].failures, table.jobs[child.name].failures
        if failures > before:
            detail = {"code": code, "host": self._host, "log": str(child.log), "tail": child.tail()}
            if self._note(table, child.name, Kind.JOB_FAILED, detail, now):
                _log.error("job-failed", f"{child.name} failed with code {code}; its log: {child.log}", code=code)
        elif before and not failures:
            self._note(table, child.name, Kind.JOB_RECOVERED, {"failures": before}, now)
        else:
            self._keep(table)

    def _note_cut_off(self, now: float) -> None:
        """What was begun by a scheduler that is gone, and did not end, has failed: noted once."""
        for job in self._timetable.begun:
            moment = self._noticed.setdefault(job.name, now)
            detail = {"code": None, "host": job.host, "log": job.log, "tail": ""}
            if self._note(self._timetable.failed(job.name, moment, None), job.name, Kind.JOB_FAILED, detail, moment):
                _log.error("job-cut-off", f"{job.name} was cut off with its scheduler on {job.host}; log: {job.log}")
            del self._noticed[job.name]

    def _limit(self, child: Child) -> float:
        return _DRIFT_SECONDS if child.name.startswith(DRIFT) else self._settings.retrain_seconds

    def _begin(self, name: str, command: Sequence[str]) -> str:
        log = new_log(self._settings.home / "monitoring" / "logs", name)
        if not self._keep(self._timetable.started(name, self._clock.now(), self._host, str(log))):
            return _WAITS
        self._begun = self._clock.monotonic()
        self._child = self._start(name, [*command, "--log", str(log)] if name == RETRAIN else command, log)
        return f"{name} was started."

    def _learn_models(self) -> None:
        """Ask the registry now and then; what it does not answer changes nothing."""
        moment = self._clock.monotonic()
        if self._asked_at is not None and moment - self._asked_at < _MODELS_SECONDS:
            return
        self._asked_at = moment
        try:
            self._known = self._models()
        except RegistryUnavailable as error:
            _log.warning("registry-down", f"The schedule stays as it was: {error}")
        found, self._faults = plans(self._settings, self._known, self._host, self._clock.now())
        self._keep(self._timetable.planned(found, self._clock.now()))

    def _ask_for_retraining(self, now: float) -> None:
        """File a request where a model's turn has come; a turn waits while none may be filed.

        A request that came since the turn, whoever asked, is as good: a killed scheduler must not ask for two.
        """
        for name in [name for name in self._timetable.due(now) if name.startswith(ASK)]:
            model, turn = name.removeprefix(ASK), self._timetable.jobs[name].next_at or now
            filed = any(each.requested_at >= turn for each in self._operations.retrains(model))
            if filed or petition(self._operations, self._settings, model, None, Known(turn=turn), now).request:
                self._keep(self._timetable.started(name, now, self._host).ended(name, now, 0))

    def _retrain_waits(self) -> bool:
        now = self._clock.now()
        return any(
            each.state == QUEUED or (each.state != FINISHED and each.lease_until <= now)
            for each in self._operations.retrains()
        )

    def _keep(self, timetable: Timetable) -> bool:
        """Write down what has changed; False, and it stays as it was, if another scheduler leads by now."""
        before = self._timetable.jobs
        changed = [job for name, job in timetable.jobs.items() if before.get(name) != job]
        if changed and not (self._lease and self._operations.keep_jobs(self._lease, changed)):
            return False
        self._timetable = timetable
        return True

    def _note(self, timetable: Timetable, name: str, kind: Kind, detail: dict[str, Any], at: float) -> bool:
        """The same with one job, and what the history says of it."""
        model = name.removeprefix(DRIFT) if name.startswith(DRIFT) else ""
        told = {"job": name, **detail}
        kept = self._lease and self._operations.note_job(self._lease, timetable.jobs[name], kind, model, told, at)
        if kept:
            self._timetable = timetable
        return bool(kept)
