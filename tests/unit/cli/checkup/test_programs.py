from __future__ import annotations

import os
import time
from pathlib import Path

from cuelight.cli.checkup import programs
from cuelight.cli.checkup.finding import State
from cuelight.cli.checkup.scene import Scene
from cuelight.journal.writer import CLOSED
from cuelight.kit.settings import Settings
from tests.support.ports import free_port


def test_nothing_runs(tmp_path: Path) -> None:
    """That is no fault."""
    assert [each.state for each in programs.findings(Scene(Settings(home=tmp_path)))] == [State.NOTE]


def test_a_program_that_does_not_come_up(tmp_path: Path) -> None:
    """Each that supervisord gave up or does not have is named with its log, and so is a replica that nobody reaches."""
    scene = Scene(Settings(home=tmp_path, serving_port=free_port(), registry_uri="http://there", board_port=0))
    scene.states = dict.fromkeys(("compactor", "gateway", "serving", "follower"), "RUNNING") | {"compactor": "FATAL"}
    compactor, scheduler, replica = programs.findings(scene)
    assert (compactor.says, scheduler.says) == (
        "compactor does not run (fatal).",
        "scheduler does not run (not there).",
    )
    assert str(tmp_path / "logs" / "compactor.log") in compactor.mend
    assert (replica.says, replica.state) == ("replica-1 is not ready.", State.FAULT)


def test_a_journal_that_nobody_compacts(tmp_path: Path) -> None:
    """Segments that have waited for long are a warning; those of just now are none."""
    settings = Settings(home=tmp_path)
    segment = settings.journal_folder / "segments" / "local" / f"1{CLOSED}"
    segment.parent.mkdir(parents=True)
    segment.write_bytes(b"x")
    now = time.time()
    assert list(programs.behind(settings, now)) == []
    os.utime(segment, (now - 3600, now - 3600))
    (found,) = programs.behind(settings, now)
    assert (found.state, "60 minutes" in found.says, bool(found.mend)) == (State.WARNING, True, True)


def test_damaged_records_are_counted(tmp_path: Path) -> None:
    """Those that the compactor put aside."""
    settings = Settings(home=tmp_path)
    path = settings.journal_folder / "damaged" / "local" / "1.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text('{"torn":false}\n{"torn":true}\n')
    (found,) = programs.behind(settings, time.time())
    assert "damaged: 1," in found.says
