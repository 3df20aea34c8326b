from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cuelight.registry.edits import Edit, What
from cuelight.registry.mlflow_app.log import EditLog

_WRITE = """
import sys
from pathlib import Path
from cuelight.registry.edits import Edit, What
from cuelight.registry.mlflow_app.log import EditLog

for number in range(20):
    EditLog(Path(sys.argv[1])).add(Edit(What.TAG, sys.argv[2], value=str(number)))
"""


def _tag(value: str) -> Edit:
    return Edit(What.TAG, "m", None, "cuelight.canary", value, 5.0, "alice", "::1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log is."""
    return tmp_path / "edits.db"


def test_edits_come_back_in_order_above_a_number(path: Path) -> None:
    """As they were, oldest first, with numbers that rise; above the last there is nothing."""
    log = EditLog(path)
    assert log.after(0) == []
    for value in "abc":
        log.add(_tag(value))
    first, second, third = log.after(0)
    assert [each.value for each in (first, second, third)] == ["a", "b", "c"]
    assert first.number < second.number < third.number
    assert (first.by, first.client, first.at) == ("alice", "::1", 5.0)
    assert log.after(first.number) == [second, third]
    assert log.after(third.number) == []


def test_only_the_newest_are_kept(path: Path) -> None:
    """The file does not grow for ever."""
    log = EditLog(path, most=3)
    for value in "abcde":
        log.add(_tag(value))
    assert [each.value for each in log.after(0)] == ["c", "d", "e"]


def test_numbers_rise_also_when_the_file_was_lost(path: Path) -> None:
    """Who asks for what came after the last edit gets the next one, whatever happened to the file in between."""
    log = EditLog(path)
    log.add(_tag("a"))
    last = log.after(0)[-1].number
    path.unlink()
    time.sleep(0.002)
    log.add(_tag("b"))
    assert [each.value for each in log.after(last)] == ["b"]


def test_the_stamp_moves_with_every_edit_and_with_nothing_else(path: Path) -> None:
    """Looking at it tells whether there may be news, also from another process."""
    log = EditLog(path)
    stamps = [log.stamp()]
    for value in "abc":
        log.add(_tag(value))
        assert log.after(0)
        stamps += [log.stamp(), log.stamp()]
    assert stamps[1::2] == stamps[2::2]
    assert len(set(stamps)) == 4


def test_processes_and_threads_write_side_by_side(path: Path) -> None:
    """MLflow has several workers, and each several threads: no edit is lost, no number given twice."""
    writers = [subprocess.Popen([sys.executable, "-c", _WRITE, str(path), name]) for name in ("p", "q")]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda value: EditLog(path).add(_tag(str(value))), range(20)))
    assert [each.wait(120) for each in writers] == [0, 0]
    edits = EditLog(path).after(0)
    assert len({each.number for each in edits}) == len(edits) == 60
    for name in ("p", "q"):
        assert [each.value for each in edits if each.model == name] == [str(number) for number in range(20)]


def test_a_file_that_cant_be_had_raises(tmp_path: Path) -> None:
    """Whoever calls decides what to do without."""
    with pytest.raises(sqlite3.Error):
        EditLog(tmp_path / "missing" / "edits.db").add(_tag("a"))
    with pytest.raises(sqlite3.Error):
        EditLog(tmp_path).after(0)
