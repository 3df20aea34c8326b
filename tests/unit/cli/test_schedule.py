from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from cuelight.cli.schedule import command
from cuelight.cli.views.schedule import outcome
from cuelight.monitoring.schedule.scheduler import LEASE
from cuelight.operations.database import Operations
from cuelight.operations.jobs import Job
from cuelight.operations.reports import Report
from cuelight.operations.retraining import STAGED

NOON = 1_700_049_600.0  # 2023-11-15 12:00 UTC
LATER = 4_000_000_000.0  # 2096-10-02 07:06:40 UTC
RAN = Job("drift:wine", "*/10 * * * *", LATER, began=NOON, ended=NOON + 7, code=0, host="one", log="/logs/wine.log")
OK = Report("wine", 1, NOON + 3, None, None, 600, "ok", "No drift.")


@pytest.fixture
def operations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operations:
    """A database that the command finds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUELIGHT_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    return Operations(f"sqlite:///{tmp_path / 'operations.db'}")


def note(operations: Operations, *jobs: Job, holder: str = "host:a:7:01") -> None:
    """As a scheduler does that leads from now on."""
    lease = operations.acquire(LEASE, holder, 3600.0, time.time())
    assert lease is not None
    assert operations.keep_jobs(lease, jobs)


def test_nothing_to_show_is_said(operations: Operations) -> None:
    """That nobody is at work, and why there is no job."""
    assert operations.jobs() == {}
    said = CliRunner().invoke(command).output.splitlines()
    assert said[0].startswith("No scheduler is at work")
    assert said[1].startswith("No job is known yet")
    assert json.loads(CliRunner().invoke(command, ["--json"]).output) == {
        "scheduler": None,
        "jobs": [],
        "challengers": [],
    }


def test_what_is_next_and_what_happened_is_shown(operations: Operations) -> None:
    """Who leads; each job's turns, its next one or its retry, its last run with its verdict, and where the log is."""
    operations.add_report(OK)
    beer = Job("drift:beer", "0 * * * *", NOON, NOON, NOON + 900, -15, 2, "two", "/logs/beer [1].log")
    note(operations, RAN, beer, Job("retrain:wine", "0 0 * * 0", LATER))
    operations.request_retrain("wine", 1, "why", {}, NOON)
    request = operations.take_retrain("h", 60.0, NOON)
    assert request is not None
    operations.finish_retrain(request, STAGED, {"version": 2}, NOON + 60.0)
    shown = [" ".join(line.split()) for line in CliRunner().invoke(command).output.splitlines()]
    assert shown == [
        "The scheduler on host:a, process 7, leads.",
        "Job Turns Next (UTC) Last began (UTC) Took Outcome",
        "drift:beer 0 * * * * retry now 2023-11-15 12:00:00 900 s failed, code -15 (2 in a row)",
        "drift:wine */10 * * * * 2096-10-02 07:06:40 2023-11-15 12:00:00 7 s ok",
        "retrain:wine 0 0 * * 0 2096-10-02 07:06:40",
        "wine: version 2 waits in Staging since 2023-11-15 12:01:00; promote or archive it.",
        "Log of drift:beer on two: /logs/beer [1].log",
        "Log of drift:wine on one: /logs/wine.log",
    ]


def test_programs_get_all_of_it(operations: Operations) -> None:
    """As JSON: what is shown, in seconds since the epoch."""
    note(operations, replace(RAN, code=10))
    found = json.loads(CliRunner().invoke(command, ["--json"]).output)
    assert found["scheduler"]["holder"] == "host:a:7:01"
    assert found["jobs"] == [
        {
            "kind": "drift",
            "model": "wine",
            "name": "drift:wine",
            "line": "*/10 * * * *",
            "next_at": LATER,
            "began": NOON,
            "ended": NOON + 7,
            "code": 10,
            "failures": 0,
            "host": "one",
            "log": "/logs/wine.log",
            "outcome": "drift",
            "took": 7.0,
            "retry_at": None,
        }
    ]


@pytest.mark.parametrize(
    ("job", "leads", "word"),
    [
        (Job("drift:wine"), True, ""),
        (replace(RAN, ended=None, code=None), True, "running"),
        (replace(RAN, ended=None, code=None), False, "cut off"),
        (replace(RAN, code=None, failures=1), True, "cut off"),
        (replace(RAN, code=None), True, "stopped"),
        (RAN, True, "ok"),
        (replace(RAN, began=NOON + 4), True, "nothing new"),
        (replace(RAN, code=13), True, "not enough data"),
        (replace(RAN, code=75), True, "busy elsewhere"),
        (replace(RAN, code=1, failures=1), True, "failed, code 1"),
        (replace(RAN, name="retrain"), True, "carried out"),
        (replace(RAN, name="retrain", code=10), True, "failed, and told so"),
        (replace(RAN, name="retrain:wine"), True, "asked for"),
    ],
)
def test_each_way_to_end_has_its_word(job: Job, leads: bool, word: str) -> None:
    """Also those that are no end: a job whose scheduler is gone does not run."""
    assert outcome(job, leads, OK) == word
