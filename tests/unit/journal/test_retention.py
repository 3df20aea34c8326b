from __future__ import annotations

import os
from pathlib import Path

import pytest

from cuelight.journal.compactor import Compactor
from cuelight.journal.query import Journal, Query
from cuelight.journal.record import Label
from cuelight.kit.clock import FakeClock
from tests.support.journal import NOON, prediction, write

_DAY = 86_400


def _days(folder: Path) -> list[str]:
    return sorted({path.name for path in folder.glob("*/model=*/*date=*")})


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Four days of two models, the last one today's."""
    for number in range(4):
        at = (number - 3) * _DAY
        write(tmp_path, prediction(at), prediction(at + 1, model="other"), Label(NOON + at, "m", "p", 0, 1))
    Compactor(tmp_path, clock=FakeClock(NOON)).run_once()
    assert len(_days(tmp_path)) == 4
    return tmp_path


def _bytes(folder: Path, day: str = "*") -> int:
    return sum(path.stat().st_size for path in folder.glob(f"*/model=*/date={day}/**/*.parquet"))


def test_the_oldest_days_go_until_the_rest_is_small_enough(journal: Path) -> None:
    """Of all models and datasets; not one day more than it takes."""
    most = _bytes(journal) - _bytes(journal, "2023-11-12") - 1
    compactor = Compactor(journal, retention_bytes=most, clock=FakeClock(NOON))
    assert compactor.run_once() == "10 days past retention deleted"
    assert _days(journal) == ["date=2023-11-14", "date=2023-11-15"]
    assert _bytes(journal) <= most
    assert compactor.run_once() == "nothing to compact"


def test_today_is_kept_whatever_it_takes(journal: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A limit below a day's worth leaves that day, and says so once."""
    compactor = Compactor(journal, retention_bytes=1, clock=FakeClock(NOON))
    compactor.run_once()
    compactor.run_once()
    assert _days(journal) == ["date=2023-11-15"]
    assert caplog.text.count("journal.retention_bytes") == 1


def test_what_was_half_deleted_is_not_seen_and_goes(journal: Path) -> None:
    """Killed while it deletes a day: its folder has lost its name already, and the next run does the rest."""
    day = journal / "rows/model=m/date=2023-11-12"
    day.rename(day.with_name(".date=2023-11-12"))
    assert len(Journal(journal).rows(Query("m"))) == 3
    Compactor(journal, clock=FakeClock(NOON)).run_once()
    assert not day.with_name(".date=2023-11-12").exists()


def test_side_files_go_by_age_too(journal: Path) -> None:
    """Bytes that could not be read are kept as long as records."""
    folder = journal / "damaged/h"
    folder.mkdir(parents=True)
    for name, age in [("old", 91), ("new", 89)]:
        (folder / f"{name}.jsonl").touch()
        os.utime(folder / f"{name}.jsonl", (NOON - age * _DAY, NOON - age * _DAY))
    Compactor(journal, clock=FakeClock(NOON)).run_once()
    assert [path.name for path in folder.iterdir()] == ["new.jsonl"]
