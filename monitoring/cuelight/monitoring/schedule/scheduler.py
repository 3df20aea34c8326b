"""The scheduler: one process of an installation that starts drift jobs and retrainings, one at a time."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from cuelight.kit import files
from cuelight.kit.clock import Clock, SystemClock
from cuelight.kit.errors import Misconfigured, RegistryUnavailable
from cuelight.kit.identity import new_id
from cuelight.kit.log import Log
from cuelight.kit.settings import Settings
from cuelight.monitoring.retraining.petition import petition
from cuelight.monitoring.retraining.triggers import Known
from cuelight.monitoring.schedule.child import Child, cuelight, prune
from cuelight.monitoring.schedule.timetable import Timetable, next_turn
from cuelight.operations.database import Operations
from cuelight.operations.kinds import Kind
from cuelight.operations.leases import Lease
from cuelight.operations.retraining import FINISHED, QUEUED

LEASE = "scheduler"
TICK_SECONDS = 2.0
_LEASE_SECONDS = 30.0
_MODELS_SECONDS = 30.0
# A drift job that hangs must not keep all the others from running.
_DRIFT_SECONDS = 900.0
_RETRAIN = "retrain"
_DRIFT = "drift:"
_TURN = "retrain:"
# `cuelight drift` ends with 0 or with its verdict; all else is a failure.
VERDICT_CODES = (0, 10, 11, 12, 13)
# `cuelight retrain --next`: 10 says that a retraining failed, which it has told itself; others need not wait for that.
RETRAIN_CODES = (0, 10)
_log = Log("monitoring.scheduler")

# (name, command, log) -> a running child; tests hand in commands of their own.
Start = Callable[[str, Sequence[str], Path], Child]


class Scheduler:
    """Ticks: hold the lease, see to the child that runs, else start what is due.

    Everything it knows is in the operations database and one small file, so a killed scheduler is taken over; each
    job also holds a lease of its own, so that nothing runs twice even when two schedulers believe to be the one.
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
        self._folder = settings.home / "monitoring"
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{new_id()}"
        self._lease: Lease | None = None
        self._child: Child | None = None
        self._begun = 0.0
        self._known: list[str] = []
        self._asked_at: float | None = None
        self._timetable = Timetable()

    def tick(self) -> str:
        """One step, and what it was in a sentence."""
        if not self._leads():
            return "Another scheduler is at work; this one waits for its lease."
        if self._child is not None:
            return self._see_to(self._child)
        self._learn_models()
        now = self._clock.now()
        asked = self._ask_for_retraining(now)
        if self._retrain_waits() and self._may_retry(_RETRAIN, now):
            return self._begin(_RETRAIN, cuelight("retrain", "--next"))
        lines, faults = self._lines("monitoring_schedule")
        faults += asked
        due = self._timetable.due({_DRIFT + model: line for model, line in lines.items()}, now)
        if due:
            return self._begin(due[0], cuelight("drift", due[0].removeprefix(_DRIFT), "--only-new", "--json"))
        return " ".join([f"Nothing is due; {len(lines)} models are watched.", *faults])

    def stop(self) -> None:
        """End the child and give the lease up, so that another scheduler goes on at once."""
        if self._child is not None:
            self._child.end()
            self._child = None
        if self._lease is not None:
            self._operations.release(self._lease)
            self._lease = None

    def _leads(self) -> bool:
        now = self._clock.now()
        if self._lease is not None and self._operations.renew(self._lease, _LEASE_SECONDS, now):
            return True
        self._lease = self._operations.acquire(LEASE, self._holder, _LEASE_SECONDS, now)
        if self._lease is not None:
            self._timetable = self._read()
        return self._lease is not None

    def _see_to(self, child: Child) -> str:
        if child.exit_code is None and self._clock.monotonic() - self._begun > self._limit(child):
            _log.error("job-ended", f"{child.name} took longer than {self._limit(child):.0f} s, and is ended.")
            child.end()
        code = child.exit_code
        if code is None:
            return f"{child.name} is running."
        self._child = None
        well = code in (VERDICT_CODES if child.name.startswith(_DRIFT) else RETRAIN_CODES)
        self._keep(self._timetable.ended(child.name, well, self._clock.now()))
        if well:
            return f"{child.name} ended with code {code}."
        model = child.name.removeprefix(_DRIFT) if child.name.startswith(_DRIFT) else ""
        detail = {"job": child.name, "code": code, "log": str(child.log), "tail": child.tail()}
        self._operations.record(Kind.JOB_FAILED, model, None, detail)
        _log.error("job-failed", f"{child.name} failed with code {code}; its log: {child.log}", code=code)
        return f"{child.name} failed with code {code}; it is tried again later."

    def _limit(self, child: Child) -> float:
        return _DRIFT_SECONDS if child.name.startswith(_DRIFT) else self._settings.retrain_seconds

    def _begin(self, name: str, command: Sequence[str]) -> str:
        now = self._clock.now()
        self._keep(self._timetable.started(name, now))
        logs = self._folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        prune(logs)
        self._begun = self._clock.monotonic()
        log = logs / f"{quote(name, safe='')[:100]}-{new_id()}.log"
        self._child = self._start(name, [*command, "--log", str(log)] if name == _RETRAIN else command, log)
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
        jobs = [_DRIFT + model for model in self._known]
        turns = [_TURN + model for model in self._known if self._settings.of(model).retrain_schedule]
        self._keep(self._timetable.seen([*jobs, *turns], self._clock.now()))

    def _ask_for_retraining(self, now: float) -> list[str]:
        """File a request where a model's turn has come; a turn waits while none may be filed. What is wrong with lines.

        A request that came since the turn, whoever asked, is as good: a killed scheduler must not ask for two.
        """
        lines, faults = self._lines("retrain_schedule")
        turns = {_TURN + model: line for model, line in lines.items()}
        for name in self._timetable.due(turns, now):
            model, turn = name.removeprefix(_TURN), self._timetable.turn(name, turns[name])
            filed = any(each.requested_at >= turn for each in self._operations.retrains(model))
            if filed or petition(self._operations, self._settings, model, None, Known(turn=turn), now).request:
                self._keep(self._timetable.started(name, now))
        return faults

    def _lines(self, setting: str) -> tuple[Mapping[str, str], list[str]]:
        """Cron lines by model, of those that have one, and what is wrong with the others."""
        lines, faults = {}, []
        for model in self._known:
            line = getattr(self._settings.of(model), setting)
            if not line:
                continue
            try:
                next_turn(line, self._clock.now())
            except Misconfigured as error:
                faults.append(f"{model} is not scheduled: {error}")
            else:
                lines[model] = line
        return lines, faults

    def _retrain_waits(self) -> bool:
        now = self._clock.now()
        return any(
            each.state == QUEUED or (each.state != FINISHED and each.lease_until <= now)
            for each in self._operations.retrains()
        )

    def _may_retry(self, name: str, now: float) -> bool:
        record = self._timetable.records.get(name)
        return record is None or record.retry_at is None or record.retry_at <= now

    @property
    def _path(self) -> Path:
        return self._folder / "timetable.json"

    def _read(self) -> Timetable:
        return Timetable.from_json(self._path.read_text(encoding="utf-8")) if self._path.is_file() else Timetable()

    def _keep(self, timetable: Timetable) -> None:
        if timetable != self._timetable:
            self._timetable = timetable
            files.replace(self._path, timetable.to_json().encode())
