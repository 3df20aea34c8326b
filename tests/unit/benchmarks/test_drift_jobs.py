from __future__ import annotations

from pathlib import Path

from benchmarks import drift_jobs
from cuelight.journal.query import Journal, Query


def test_what_is_timed_is_a_window_of_so_many_rows(tmp_path: Path) -> None:
    """The journal that is filled has the rows, 20 inputs and the answer; each part is timed, with its memory."""
    drift_jobs.fill(tmp_path / "home", 2000)
    rows = Journal(tmp_path / "home" / "journal").rows(Query(drift_jobs.MODEL, version=1))
    assert len(rows) == 2000
    assert sum(name.startswith("input.") for name in rows) == 20
    found = drift_jobs._parts(tmp_path / "home", 2000)
    assert list(found) == list(drift_jobs._PARTS)
    assert all(float(seconds) >= 0.0 and memory.endswith(" MiB") for seconds, _, memory in found.values())
