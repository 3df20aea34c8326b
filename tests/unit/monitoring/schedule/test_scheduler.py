from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from cuelight.kit.clock import FakeClock
from cuelight.kit.errors import RegistryUnavailable, Unavailable
from cuelight.kit.settings import Settings
from cuelight.monitoring.schedule.child import Child, cuelight
from cuelight.monitoring.schedule.scheduler import LEASE, Scheduler
from cuelight.operations import schema
from cuelight.operations.database import Operations
from cuelight.operations.jobs import Job

NOON = 1_700_049_600.0
WAITS = "Another scheduler is at work; this one waits for its lease."
IDLE = "Nothing is due; 1 models are watched."
ENDLESS = "import signal; print('up', flush=True); signal.pause()"


class Stage:
    """A scheduler on a clock of its own whose children are small Python programs instead of Cuelight's commands."""

    def __init__(self, folder: Path, program: str = "raise SystemExit(10)") -> None:
        self.clock = FakeClock(NOON)
        lines = {"rare": "0 0 * * *", "bad": "whenever", "own": "off"}
        self.settings = Settings(
            home=folder,
            models={name: {"monitoring_schedule": line} for name, line in lines.items()},
        )
        self.operations = Operations(f"sqlite:///{folder / 'operations.db'}", clock=self.clock)
        self.models = ["wine"]
        self.down = False
        self.program = program
        self.commands: list[Sequence[str]] = []
        self.children: list[Child] = []

    def scheduler(self) -> Scheduler:
        """One more scheduler of this installation."""
        return Scheduler(self.settings, self._ask, self.operations, self.clock, self._start)

    def finish(self) -> None:
        """Wait for the child that was started last."""
        self.children[-1]._process.wait(30)

    def note(self, jobs: Mapping[str, Job]) -> None:
        """Have the database know of the jobs no more than this; no scheduler may lead."""
        lease = self.operations.acquire(LEASE, "a test", 60.0, self.clock.now())
        assert lease is not None
        assert self.operations.keep_jobs(lease, jobs.values())
        self.operations.release(lease)

    def _ask(self) -> list[str]:
        if self.down:
            raise RegistryUnavailable("down")
        return self.models

    def _start(self, name: str, command: Sequence[str], log: Path) -> Child:
        self.commands.append(command)
        self.children.append(Child(name, [sys.executable, "-c", self.program], log))
        return self.children[-1]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage whose children are gone afterwards."""
    made = Stage(tmp_path)
    yield made
    for child in made.children:
        child.end()


def test_a_job_runs_when_its_turn_comes(stage: Stage) -> None:
    """Nothing runs before the cron line says so; then `cuelight drift` does, once, and its verdict is no failure."""
    scheduler = stage.scheduler()
    assert scheduler.tick() == IDLE
    stage.clock.advance(600)
    assert scheduler.tick() == "drift:wine was started."
    assert stage.commands == [cuelight("drift", "wine", "--only-new", "--json")]
    stage.finish()
    assert scheduler.tick() == "drift:wine ended with code 10."
    assert scheduler.tick() == IDLE
    assert stage.operations.history() == []
    job = stage.operations.jobs()["drift:wine"]
    assert (job.began, job.ended, job.code, job.next_at) == (NOON + 600, NOON + 600, 10, NOON + 1200)
    assert (job.line, job.host, job.log) == ("*/10 * * * *", socket.gethostname(), str(stage.children[0].log))


def test_one_at_a_time(stage: Stage) -> None:
    """While a child runs nothing else is started, however much is due."""
    stage.program, stage.models = ENDLESS, ["beer", "wine"]
    scheduler = stage.scheduler()
    scheduler.tick()
    stage.clock.advance(600)
    assert scheduler.tick() == "drift:beer was started."
    stage.clock.advance(20)
    assert scheduler.tick() == "drift:beer is running."
    assert len(stage.children) == 1


def test_one_scheduler_leads(stage: Stage) -> None:
    """A second scheduler waits; when the first is silent its lease runs out and the second catches up, once."""
    first, second = stage.scheduler(), stage.scheduler()
    first.tick()
    assert second.tick() == WAITS
    stage.clock.advance(6000)
    assert second.tick() == "drift:wine was started."
    assert first.tick() == WAITS
    stage.finish()
    second.tick()
    assert second.tick() == IDLE
    assert len(stage.children) == 1


def test_who_lost_the_lead_ends_its_child(stage: Stage) -> None:
    """A scheduler that was silent for too long must not let run what its successor may start; nor write it down."""
    stage.program = ENDLESS
    first, second = stage.scheduler(), stage.scheduler()
    first.tick()
    stage.clock.advance(600)
    first.tick()
    stage.clock.advance(31)
    assert second.tick() == IDLE
    noted = stage.operations.jobs()
    assert (noted["drift:wine"].code, noted["drift:wine"].failures) == (None, 1)
    assert first.tick() == WAITS
    assert stage.children[0].exit_code is not None
    first.stop()
    assert stage.operations.jobs() == noted
    stage.clock.advance(60)
    second.tick()
    assert second.tick() == "drift:wine is running."
    assert len(stage.children) == 2


def test_a_scheduler_without_its_database_ends_its_child(stage: Stage) -> None:
    """Not at once, but when its lease is over: others may reach the database, and lead by then. Then it goes on."""
    stage.program = ENDLESS
    scheduler = stage.scheduler()
    scheduler.tick()
    stage.clock.advance(600)
    scheduler.tick()
    path, away = stage.settings.home / "operations.db", stage.settings.home / "away"
    path.rename(away)
    path.mkdir()
    for seconds, runs in ((29, True), (1, False)):
        stage.clock.advance(seconds)
        with pytest.raises(Unavailable):
            scheduler.tick()
        assert (stage.children[0].exit_code is None) == runs
    path.rmdir()
    away.rename(path)
    assert scheduler.tick() == IDLE
    stage.clock.advance(60)
    assert scheduler.tick() == "drift:wine was started."


def test_nobody_leads_without_what_was_known_before(stage: Stage) -> None:
    """A scheduler that could not read the jobs must not take every turn for a new one: it tries again."""
    first = stage.scheduler()
    first.tick()
    first.stop()
    stage.clock.advance(600)
    path, second = stage.settings.home / "operations.db", stage.scheduler()
    for names, fails in (("jobs RENAME TO away", True), ("away RENAME TO jobs", False)):
        with sqlite3.connect(path) as connection:
            connection.execute(f"ALTER TABLE {names}")
        with pytest.raises(Unavailable) if fails else nullcontext():
            second.tick()
    stage.clock.advance(30)
    assert second.tick() == "drift:wine was started."


def test_what_was_done_elsewhere_is_no_failure(stage: Stage) -> None:
    """A person may judge the same model right now: the turn comes again in a minute, and nobody is alarmed."""
    stage.program = "raise SystemExit(75)"
    scheduler = stage.scheduler()
    scheduler.tick()
    stage.clock.advance(600)
    scheduler.tick()
    stage.finish()
    assert "is being done by another process" in scheduler.tick()
    assert stage.operations.history() == []
    stage.clock.advance(29)
    assert scheduler.tick() == IDLE
    stage.clock.advance(29)
    assert scheduler.tick() == IDLE
    stage.clock.advance(2)
    assert scheduler.tick() == "drift:wine was started."


def test_a_clean_stop_hands_over_at_once(stage: Stage) -> None:
    """Stopping ends the child with all it started, frees the lease without waiting, and the job's turn is not lost."""
    stage.program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {ENDLESS!r}])"
    first = stage.scheduler()
    first.tick()
    stage.clock.advance(600)
    first.tick()
    child = stage.children[0]
    first.stop()
    assert child.exit_code is not None
    with pytest.raises(ProcessLookupError):
        os.killpg(child._process.pid, 0)
    assert stage.scheduler().tick() == "drift:wine was started."


def test_a_job_that_was_cut_off_is_told_once(stage: Stage) -> None:
    """By the next scheduler, with its log, after the first one died over it; and again when the job has run well."""
    first = stage.scheduler()
    first.tick()
    stage.clock.advance(600)
    assert first.tick() == "drift:wine was started."
    stage.children[0].kill()
    stage.clock.advance(31)  # nobody renews the lease
    stage.program = "raise SystemExit(0)"
    second = stage.scheduler()
    for _ in range(3):
        second.tick()
    (event,) = stage.operations.history("wine")
    told = {
        "job": "drift:wine",
        "code": None,
        "host": socket.gethostname(),
        "log": str(stage.children[0].log),
        "tail": "",
    }
    assert (event.kind, event.detail) == ("job-failed", told)
    stage.clock.advance(60)
    assert second.tick() == "drift:wine was started."
    stage.finish()
    second.tick()
    assert [event.kind for event in stage.operations.history("wine")] == ["job-failed", "job-recovered"]


def test_a_crash_is_recorded_and_tried_later(stage: Stage) -> None:
    """A child that crashes leaves its last words in the history; it is tried again after a minute, and its end told."""
    stage.program = "raise RuntimeError('no disk')"
    scheduler = stage.scheduler()
    scheduler.tick()
    stage.clock.advance(600)
    scheduler.tick()
    stage.finish()
    assert "failed with code 1" in scheduler.tick()
    event = stage.operations.history("wine")[0]
    assert event.kind == "job-failed"
    assert "no disk" in event.detail["tail"]
    stage.clock.advance(29)
    assert "Nothing is due" in scheduler.tick()
    stage.clock.advance(31)
    stage.program = "raise SystemExit(0)"
    assert scheduler.tick() == "drift:wine was started."
    stage.finish()
    scheduler.tick()
    (_, event) = stage.operations.history("wine")
    assert (event.kind, event.detail) == ("job-recovered", {"job": "drift:wine", "failures": 1})


@pytest.mark.parametrize("kept", [True, False])
def test_an_end_is_told_once_whatever_became_of_the_database(stage: Stage, kept: bool) -> None:
    """It may go away while the end is written down, before or after that counts: with the moment that it was seen."""
    stage.program = "raise SystemExit(1)"
    scheduler = stage.scheduler()
    scheduler.tick()
    stage.clock.advance(600)
    scheduler.tick()
    stage.finish()
    with cut_off(stage.operations, kept), pytest.raises(Unavailable):
        scheduler.tick()
    stage.clock.advance(7)
    assert "failed with code 1" in scheduler.tick()
    (event,) = stage.operations.history("wine")
    assert (event.kind, event.at, event.detail["code"]) == ("job-failed", NOON + 600, 1)
    job = stage.operations.jobs()["drift:wine"]
    assert (job.ended, job.code, job.failures, job.next_at) == (NOON + 600, 1, 1, NOON + 660)
    assert stage.operations.verify() == []


@pytest.mark.parametrize("kept", [True, False])
def test_what_was_cut_off_is_told_once_whatever_became_of_the_database(stage: Stage, kept: bool) -> None:
    """The same with what a dead scheduler left behind."""
    first = stage.scheduler()
    first.tick()
    stage.clock.advance(600)
    first.tick()
    stage.children[0].kill()
    stage.clock.advance(31)
    second = stage.scheduler()
    with cut_off(stage.operations, kept), pytest.raises(Unavailable):
        second.tick()
    stage.clock.advance(7)
    second.tick()
    (event,) = stage.operations.history("wine")
    assert (event.kind, event.at, event.detail["code"]) == ("job-failed", NOON + 631, None)
    assert stage.operations.jobs()["drift:wine"].failures == 1


@contextmanager
def cut_off(operations: Operations, kept: bool) -> Iterator[None]:
    """The database goes away as the next row of the history is written; whether it is `kept` nobody is told."""
    database, writing = operations._database, operations._database.writing

    @contextmanager
    def torn(*given: float) -> Iterator[sa.Connection]:
        with writing(*given) as connection:
            rows = connection.execute(sa.select(sa.func.count()).select_from(schema.history)).scalar_one()
            yield connection
            more = connection.execute(sa.select(sa.func.count()).select_from(schema.history)).scalar_one()
            if more > rows and not kept:
                raise Unavailable("cut off")
        if more > rows:
            raise Unavailable("cut off")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "writing", torn)
        yield


def test_a_child_that_hangs_is_ended(stage: Stage) -> None:
    """A drift job has a quarter of an hour, a retraining what its setting says; then it has failed, and others run."""
    stage.program, stage.models = ENDLESS, ["beer", "wine"]
    scheduler = stage.scheduler()
    scheduler.tick()
    stage.operations.request_retrain("wine", 1, "drift", {}, stage.clock.now())
    assert scheduler.tick() == "retrain was started."
    stage.clock.advance(stage.settings.retrain_seconds)
    assert scheduler.tick() == "retrain is running."
    stage.clock.advance(1)
    assert scheduler.tick() == "retrain failed with code -9; it is tried again later."  # not told to stop
    assert scheduler.tick() == "drift:beer was started."
    stage.clock.advance(901)
    assert scheduler.tick() == "drift:beer failed with code -15; it is tried again later."
    assert scheduler.tick() == "retrain was started."
    failed = [event.detail["job"] for event in stage.operations.history() if event.kind == "job-failed"]
    assert failed == ["retrain", "drift:beer"]


def test_a_retrain_request_goes_first(stage: Stage) -> None:
    """A waiting request is carried out by `cuelight retrain --next`, and one that somebody works on is left alone."""
    scheduler = stage.scheduler()
    scheduler.tick()
    stage.clock.advance(600)
    stage.operations.request_retrain("wine", 1, "drift", {}, stage.clock.now())
    stage.program = "raise SystemExit(0)"
    assert scheduler.tick() == "retrain was started."
    assert stage.commands == [cuelight("retrain", "--next", "--log", str(stage.children[0].log))]
    stage.operations.take_retrain("worker", 60.0, stage.clock.now())
    stage.finish()
    scheduler.tick()
    assert scheduler.tick() == "drift:wine was started."


def test_a_schedule_asks_for_retraining_once_a_turn(stage: Stage) -> None:
    """A turn files one request with its reason, also where the scheduler is killed before it noted the turn as done."""
    stage.settings = replace(stage.settings, models={"wine": {"retrain_schedule": "30 12 * * *"}})
    scheduler = stage.scheduler()
    scheduler.tick()
    scheduler.stop()
    noted = stage.operations.jobs()
    stage.clock.advance(1800)
    scheduler.tick()
    (request,) = stage.operations.retrains("wine")
    assert (request.reason, request.version) == ("its turn by schedule came at 2023-11-15 12:30:00 UTC", None)
    assert [event.kind for event in stage.operations.history("wine")] == ["retrain-requested"]

    scheduler.stop()
    stage.note(noted)
    taken = stage.operations.take_retrain("one", 60.0, stage.clock.now())
    assert taken is not None
    assert stage.operations.finish_retrain(taken, "staged", {}, stage.clock.now())
    stage.clock.advance(7200)
    scheduler = stage.scheduler()
    scheduler.tick()
    assert len(stage.operations.retrains("wine")) == 1
    stage.clock.advance(86_400 - 7200)
    scheduler.stop()
    stage.scheduler().tick()
    assert len(stage.operations.retrains("wine")) == 2


def test_a_turn_waits_while_it_may_not_ask(stage: Stage) -> None:
    """A turn within the pause after a failure asks when that is over, and a line that means nothing is said."""
    lines = {"wine": {"retrain_schedule": "30 12 * * *"}, "beer": {"retrain_schedule": "whenever"}}
    stage.models, stage.settings = ["beer", "wine"], replace(stage.settings, models=lines)
    scheduler = stage.scheduler()
    assert "beer is not scheduled: Schedule 'whenever'" in scheduler.tick()
    stage.clock.advance(1200)
    stage.operations.request_retrain("wine", 1, "drift", {}, stage.clock.now())
    taken = stage.operations.take_retrain("one", 60.0, stage.clock.now())
    assert taken is not None
    assert stage.operations.finish_retrain(taken, "failed", {}, stage.clock.now())
    stage.clock.advance(3599)
    scheduler.stop()
    scheduler.tick()
    assert len(stage.operations.retrains("wine")) == 1
    stage.clock.advance(1)
    scheduler.stop()
    scheduler.tick()
    assert len(stage.operations.retrains("wine")) == 2


def test_a_failed_retraining_holds_up_no_other(stage: Stage) -> None:
    """The command says by its code that it has told of a failure itself: no crash is recorded, and the next may go."""
    scheduler = stage.scheduler()
    scheduler.tick()
    for model in ("beer", "wine"):
        stage.operations.request_retrain(model, 1, "drift", {}, stage.clock.now())
        assert scheduler.tick() == "retrain was started."
        stage.finish()
        assert scheduler.tick() == "retrain ended with code 10."
    assert {event.kind for event in stage.operations.history()} == {"retrain-requested"}


def test_a_registry_that_is_down_changes_no_schedule(stage: Stage) -> None:
    """What was scheduled stays scheduled while the registry does not answer, also for a scheduler that never saw it."""
    stage.scheduler().tick()
    stage.down = True
    stage.clock.advance(600)
    assert stage.scheduler().tick() == "drift:wine was started."


def test_each_model_has_its_own_line(stage: Stage) -> None:
    """A line in the settings replaces the default, and one that means nothing is said and leaves the others alone."""
    stage.models = ["bad", "own", "rare", "wine"]
    scheduler = stage.scheduler()
    assert "bad is not scheduled: Schedule 'whenever'" in scheduler.tick()
    stage.clock.advance(600)
    assert scheduler.tick() == "drift:wine was started."
    stage.finish()
    scheduler.tick()
    assert "Nothing is due; 2 models" in scheduler.tick()


def test_the_commands_it_starts_exist() -> None:
    """`python -m cuelight.cli` is the command line the scheduler uses."""
    done = subprocess.run(cuelight("drift", "--help"), capture_output=True, text=True, check=True)
    assert "--only-new" in done.stdout
