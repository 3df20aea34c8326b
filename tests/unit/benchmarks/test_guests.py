from __future__ import annotations

from pathlib import Path

from benchmarks import guests, models
from benchmarks.goals import FEW, MANY, NOTHING
from benchmarks.plan import Plan
from benchmarks.records import Results
from benchmarks.run import Run


def test_callers_are_measured_beside_versions_on_no_track(tmp_path: Path) -> None:
    """One round of each kind: nobody fails, few versions stay in memory, and many have to be loaded."""
    plan, results = Plan(guest_rounds=1, guest_seconds=2, guest_versions=60), Results()
    for _ in guests.measure(Run(plan, results, lambda _: None), models.make("linear", tmp_path), tmp_path):
        pass
    assert results.left_out == []
    found = {each.kind: each for each in results.askings}
    assert {NOTHING, FEW, MANY} == found.keys()
    assert found[NOTHING].asked == 0
    assert found[FEW].asked == found[FEW].hits > 0
    assert found[MANY].loads > 0
    assert all(each.failed == 0 and each.p99_ms > 0 for each in results.askings)
