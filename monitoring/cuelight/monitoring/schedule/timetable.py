"""When each job is due: pure. What it says is kept in the operations database, so that another host can go on by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cuelight.monitoring.schedule.plans import Plan
from cuelight.operations.jobs import Job

_FIRST_PAUSE, _LONGEST_PAUSE = 60.0, 6 * 3600.0


@dataclass(frozen=True)
class Timetable:
    """All jobs by name, and plans for some of them; immutable. Moments are seconds since the epoch."""

    jobs: Mapping[str, Job] = field(default_factory=dict)
    plans: Mapping[str, Plan] = field(default_factory=dict)

    def planned(self, plans: Mapping[str, Plan], now: float) -> Timetable:
        """With other plans: the first turn of what is new is the next one; what is overdue stays so; others have none.

        Raises:
            Misconfigured: a line is no cron line.
        """
        gone = {name: replace(job, line="", next_at=None) for name, job in self.jobs.items() if job.line}
        kept = {name: self._by(plan, name, now) for name, plan in plans.items()}
        return Timetable({**self.jobs, **gone, **kept}, plans)

    def due(self, now: float) -> list[str]:
        """Jobs with a plan whose turn has come, the longest waiting first; turns missed in between count as one."""
        turns = {name: self.jobs[name].next_at for name in self.plans}
        waiting = [(turn, name) for name, turn in turns.items() if turn is not None and turn <= now]
        return [name for _, name in sorted(waiting)]

    def may_start(self, name: str, now: float) -> bool:
        """Whether a job without a plan does not have to wait after a failure."""
        return (self._job(name).next_at or 0.0) <= now

    def started(self, name: str, now: float, host: str = "", log: str = "") -> Timetable:
        """With a job started: all turns before it are done."""
        plan, job = self.plans.get(name), self._job(name)
        turn = plan.turn(name, now) if plan else None
        return self._with(replace(job, next_at=turn, began=now, ended=None, code=None, host=host, log=log))

    def ended(self, name: str, now: float, code: int) -> Timetable:
        """With a job ended well."""
        return self._with(replace(self._job(name), ended=now, code=code, failures=0))

    def failed(self, name: str, now: float, code: int | None) -> Timetable:
        """With a job that failed: it is tried again, twice as late each time."""
        job = self._job(name)
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0**job.failures)
        return self._with(replace(job, ended=now, code=code, failures=job.failures + 1, next_at=now + pause))

    def put_back(self, name: str, now: float, code: int | None = None, pause: float = 0.0) -> Timetable:
        """With a job that did not fail, but was not done either: its turn is now, or after a pause."""
        return self._with(replace(self._job(name), ended=now, code=code, next_at=now + pause))

    @property
    def begun(self) -> list[Job]:
        """What was begun and did not end, as far as is known; where nothing runs, it was cut off."""
        return [job for job in self.jobs.values() if job.is_open]

    def _by(self, plan: Plan, name: str, now: float) -> Job:
        job = self._job(name)
        has_turn = job.line and job.next_at is not None and (job.line == plan.line or job.next_at <= now)
        return replace(job, line=plan.line, next_at=job.next_at if has_turn else plan.turn(name, now))

    def _job(self, name: str) -> Job:
        return self.jobs.get(name) or Job(name)

    def _with(self, job: Job) -> Timetable:
        return replace(self, jobs={**self.jobs, job.name: job})
