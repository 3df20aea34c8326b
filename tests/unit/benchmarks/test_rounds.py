from __future__ import annotations

from pathlib import Path

from benchmarks import models, picture, rounds
from benchmarks.goals import BARE, ROUND_TRIP
from benchmarks.plan import Plan
from benchmarks.records import Results
from benchmarks.run import Run


def test_our_server_is_measured_for_one_short_cell(tmp_path: Path) -> None:
    """Found equal to the estimator itself; single rows, a big request and the baselines have figures."""
    plan = Plan(("linear",), ("none",), (1,), (2,), rounds=1, seconds=1, batch_rows=(100,), batch_rounds=1)
    model, results = models.make("linear", tmp_path), Results()
    for _ in rounds.measure(Run(plan, results, lambda _: None), model, tmp_path):
        pass
    (single,) = results.singles
    assert (single.server, single.failed) == ("Cuelight", 0)
    assert min(single.rate, single.p99_ms, single.cpu_us, results.bares[0].rows_per_second) > 0
    assert {each.protocol for each in results.batches} >= {BARE, ROUND_TRIP, "JSON", "CSV"}
    (server,) = results.servers
    assert min(server.start_seconds, server.memory_mb) > 0
    picture.draw(results, tmp_path / "picture.svg")
    assert "Cuelight" in (tmp_path / "picture.svg").read_text()
