"""The demo's story, run as a person runs it, from an empty folder to its end."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from cuelight.journal.query import Journal, Query
from cuelight.operations.database import Operations
from tests.support.ports import free_port
from tests.support.stack import listening

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]
MODEL = "doctor_visits"


@dataclass(frozen=True)
class Told:
    """What is left of one run of the demo."""

    code: int
    output: str
    home: Path
    ports: tuple[int, ...]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """`cuelight demo --once`, once."""
    folder = tmp_path_factory.mktemp("demo")
    ports = tuple(free_port() for _ in range(5))
    chosen = {
        "CUELIGHT_HOME": str(folder / "home"),
        "CUELIGHT_MLFLOW_PORT": str(ports[0]),
        "CUELIGHT_SERVING_PORT": str(ports[1]),
        "CUELIGHT_GATEWAY_PORT": str(ports[2]),
        "CUELIGHT_GATEWAY_ADMIN_PORT": str(ports[3]),
        "CUELIGHT_BOARD_PORT": str(ports[4]),
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "200",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "cuelight.cli", "demo", "--once"],
        env={**os.environ, **chosen},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=400,
        check=False,
    )
    return Told(ended.returncode, ended.stdout, folder / "home" / "demo", ports)


def test_the_story_is_told_to_its_end(told: Told) -> None:
    """It exits with 0, and each step is in its output, in order."""
    assert told.code == 0, told.output
    steps = (
        "Train",
        "Staging is answered by version 1",
        "Promote version 1",
        "Production is answered by version 1",
        "verdict: ok",
        "Other people arrive",
        "drifted in",
        "They keep coming",
        "drifted in",
        "asks for retraining",
        "Staging is answered by version 2",
        "Promote version 2",
        "Production is answered by version 2",
        "The loop is closed",
    )
    position = 0
    for step in steps:
        found = told.output.find(step, position)
        assert found >= 0, f"{step!r} is missing after {told.output[:position][-200:]!r} in:\n{told.output}"
        position = found


def test_quality_is_better_after_than_before(told: Told) -> None:
    """The table shows log loss, area under the curve and accuracy of both versions; the log loss has fallen."""
    rows = {when: re.findall(r"\d\.\d{3}", line) for line in told.output.splitlines() for when in _when(line)}
    assert rows.keys() == {"before", "after"}, told.output
    assert [len(each) for each in rows.values()] == [3, 3]
    assert float(rows["after"][0]) < float(rows["before"][0])


def test_the_story_is_on_record(told: Told) -> None:
    """The journal holds the scored rows of both versions with labels; the history, each switch and the retraining."""
    frame = Journal(told.home / "journal").labelled(Query(MODEL))
    assert len(frame) > 8000
    assert set(frame["version"]) == {1, 2}
    operations = Operations(f"sqlite:///{told.home / 'operations.db'}", "test")
    try:
        history = operations.history(MODEL)
        retrains = operations.retrains(MODEL)
    finally:
        operations.close()
    kinds = [(each.kind, each.version) for each in history]
    switches = [(each.version, each.detail["track"]) for each in history if each.kind == "switched"]
    assert [version for version, track in switches if track == "Production"] == [1, 2]
    assert kinds.count(("retrain-requested", 1)) == 1
    assert [each[0] for each in kinds].count("retrained") == 1
    assert [each.state for each in retrains] == ["finished"]


def test_nothing_is_left_running(told: Told) -> None:
    """No process has the demo's folder in its command line or environment, and none listens on its ports."""
    left = [each for each in psutil.process_iter() if str(told.home) in _words(each)]
    assert left == []
    assert not {port for _, port in listening()} & {*told.ports}


def _when(line: str) -> Iterator[str]:
    for word in ("before", "after"):
        if f"({word})" in line:
            yield word


def _words(process: psutil.Process) -> str:
    try:
        return " ".join([*process.cmdline(), *process.environ().values()])
    except psutil.Error:  # it has ended, or is another user's
        return ""
