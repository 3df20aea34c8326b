from __future__ import annotations

from pathlib import Path

from benchmarks import labels
from cuelight.journal.query import Journal, Query


def test_each_row_has_its_label(tmp_path: Path) -> None:
    """By prediction id as by key, so that what is timed is a join of so many rows, and its figures."""
    found = list(labels.measure(tmp_path, 2000, 1))
    assert len(found) == 6
    assert all(row[1].endswith(" rows/s") for row in found)
    frames = [Journal(tmp_path / way).labelled(Query("m")) for way in ("id", "key")]
    assert [len(each) for each in frames] == [2000, 2000]
    assert frames[0]["label"].equals(frames[1]["label"])
