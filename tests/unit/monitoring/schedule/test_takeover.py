"""Two real scheduler processes over one database, as on two hosts; each in a home of its own. Time is told to them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from cuelight.operations.database import Operations
from tests.support.host import eventually

NOON = 1_700_049_600.0
WAITS = "Another scheduler is at work; this one waits for its lease."
_SCHEDULER = """
import sys
from pathlib import Path
from cuelight.kit.clock import FakeClock
from cuelight.kit.settings import Settings
from cuelight.monitoring.schedule.child import Child
from cuelight.monitoring.schedule.scheduler import Scheduler
from cuelight.operations.database import Operations
url, home, job = sys.argv[1:]
clock = FakeClock(0.0)
start = lambda name, command, log: Child(name, [sys.executable, "-c", job, url, name], log)
scheduler = Scheduler(Settings(home=Path(home)), lambda: ["wine"], Operations(url), clock, start)
for line in sys.stdin:
    clock.advance(float(line) - clock.now())
    print(scheduler.tick(), flush=True)
"""
# As `cuelight drift` does: holds its model's lease, ends orderly by SIGTERM, says by 75 that another is at it.
_JOB = """
import os, signal, sys
from cuelight.kit.clock import SystemClock
from cuelight.kit.errors import Busy
from cuelight.operations.database import Operations
from cuelight.operations.holding import held
url, name = sys.argv[1:]
signal.signal(signal.SIGTERM, HANDLER)
try:
    with held(Operations(url), name, 90.0, SystemClock()):
        print("at work", flush=True)
        while True:
            signal.pause()
except Busy:
    sys.exit(os.EX_TEMPFAIL)
"""
OBEDIENT, STUBBORN = (_JOB.replace("HANDLER", each) for each in ("lambda *_: sys.exit(143)", "signal.SIG_IGN"))


@dataclass
class Installation:
    """The database that both hosts reach."""

    folder: Path
    job: str = OBEDIENT

    @property
    def operations(self) -> Operations:
        """What the hosts know."""
        return Operations(f"sqlite:///{self.folder / 'operations.db'}")

    @contextmanager
    def host(self, name: str) -> Iterator[Scheduler]:
        """One more host with its scheduler."""
        arguments = [f"sqlite:///{self.folder / 'operations.db'}", str(self.folder / name), self.job]
        command = [sys.executable, "-c", _SCHEDULER, *arguments]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            scheduler = Scheduler(process)
            try:
                yield scheduler
            finally:
                process.kill()
                for child in scheduler.children:
                    with suppress(psutil.NoSuchProcess):
                        child.kill()

    def is_at_work(self) -> bool:
        """Whether the newest job has got as far as its work."""
        log = Path(self.operations.jobs()["drift:wine"].log)
        return log.is_file() and log.read_text() == "at work\n"


class Scheduler:
    """A scheduler's process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.children: list[psutil.Process] = []

    def tick(self, now: float) -> str:
        """One tick at a moment."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{now}\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline().strip()
        self.children += psutil.Process(self._process.pid).children()
        return said

    def kill(self) -> None:
        """Without a word."""
        self._process.kill()
        self._process.wait(30)


def runs(process: psutil.Process) -> bool:
    """Whether it has not ended; what nobody has fetched the exit code of has."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """Nothing has run yet."""
    return Installation(tmp_path)


def test_a_killed_scheduler_is_followed_by_another_host(installation: Installation) -> None:
    """Its child ends with it; what it was at is done again by the other, once, and turns missed meanwhile with it."""
    with installation.host("one") as one, installation.host("two") as two:
        one.tick(NOON)
        assert one.tick(NOON + 600) == "drift:wine was started."
        assert two.tick(NOON + 600) == WAITS
        eventually(installation.is_at_work)
        one.kill()
        eventually(lambda: not runs(one.children[0]), reason="the child outlived its scheduler")
        assert two.tick(NOON + 629) == WAITS
        late = NOON + 600 * 20
        assert two.tick(late).startswith("Nothing is due")
        job = installation.operations.jobs()["drift:wine"]
        assert (job.began, job.ended, job.code, job.failures) == (NOON + 600, late, None, 1)
        (told,) = installation.operations.history()
        assert (told.kind, told.model, told.detail["code"]) == ("job-failed", "wine", None)
        assert told.detail["log"] == job.log
        assert two.tick(late + 60) == "drift:wine was started."
        eventually(installation.is_at_work)
        assert two.tick(late + 61) == "drift:wine is running."
        assert len({each.pid for each in two.children}) == 1
        assert len(installation.operations.history()) == 1
        assert installation.operations.jobs()["drift:wine"].next_at == late + 600


def test_a_job_that_outlives_its_scheduler_is_waited_for(installation: Installation) -> None:
    """As on a host that others can't reach: by its own lease none runs beside it, and that is no failure."""
    installation.job = STUBBORN
    with installation.host("one") as one, installation.host("two") as two:
        one.tick(NOON)
        one.tick(NOON + 600)
        eventually(installation.is_at_work)
        one.kill()
        two.tick(NOON + 700)
        assert two.tick(NOON + 760) == "drift:wine was started."
        eventually(lambda: two.tick(NOON + 761) != "drift:wine is running.")
        assert runs(one.children[0])
        job = installation.operations.jobs()["drift:wine"]
        assert (job.code, job.next_at) == (75, NOON + 821)
        assert [each.detail["code"] for each in installation.operations.history()] == [None]  # that it was cut off
