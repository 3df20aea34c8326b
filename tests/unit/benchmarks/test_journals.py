from __future__ import annotations

from pathlib import Path

from benchmarks import journals
from benchmarks.journals import Size
from cuelight.journal.query import Journal, Query

_SMALL = Size(rows=2000, window=20, requests=40, rounds=1)


def test_windows_hold_what_they_say(tmp_path: Path) -> None:
    """The large journal has all its rows, over ten days, and each window as many as it should."""
    found = [row[0] for row in journals.windows(tmp_path, _SMALL)]
    assert [each.split(": ")[1] for each in found] == ["20 of 2,000 rows"] * 3 + ["2,000 of 2,000 rows"]
    assert len(list(tmp_path.glob("rows/model=m/date=*"))) == 10


def test_what_is_compacted_is_all_there(tmp_path: Path) -> None:
    """Single rows and batches go through the writer and the compactor, and are measured against their JSON."""
    found = list(journals.compaction(tmp_path, _SMALL))
    assert len(found) == 8
    assert all(row[1][0].isdigit() for row in found)
    assert len(Journal(tmp_path / "1").rows(Query("m"))) == 40
    assert len(Journal(tmp_path / "1000").rows(Query("m"))) == 10_000
