"""What the follower reads of the workers' counters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from cuelight.serving.counts import Counts, Histogram
from cuelight.serving.meters import read

# One worker: two good answers and a fault of version 3, one of them confirmed, one refusal, and one that was not found.
_WORKER = """
import sys
from pathlib import Path
from cuelight.journal.record import Prediction
from cuelight.serving.board import Board
from cuelight.serving.call import Charge
from cuelight.serving.metrics import Metrics
from cuelight.serving.scoring import Answer, Outcome, Work

def outcome(version, status, seconds):
    record = Prediction(0.0, "p", "r", "", "", "m", version, "d", "Production", "champion", 1, status, 1000 * seconds,
                        1, "", b"", b"")
    return Outcome(Answer(status, b""), record, work=Work("d", 1, 0.004, calls=2) if version else None)

metrics = Metrics(Board(Path(sys.argv[1]) / "board"))
metrics.count([outcome(3, 200, 0.003), outcome(3, 200, 0.02), outcome(3, 500, 0.003), outcome(3, 503, 0.0001)])
metrics.count([outcome(0, 404, 0.0001)])
metrics.count_bad(Charge("m", 3, "Production", "champion", "fault"))
"""


def test_the_counters_of_all_workers_are_added_up(tmp_path: Path) -> None:
    """Also of those that are no more; answers that no version gave belong to none."""
    metrics = tmp_path / "metrics"
    metrics.mkdir()
    for _ in range(2):
        env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
        subprocess.run([sys.executable, "-c", _WORKER, str(tmp_path)], env=env, check=True)
    found = read(metrics)
    assert found is not None
    assert list(found) == [("m", 3, "champion")]
    counts = found["m", 3, "champion"]
    assert (counts.answered, counts.failed, counts.refused, counts.faults, counts.invalid) == (6, 2, 2, 2, 0)
    assert counts.seconds.total == counts.work.total == 8
    assert counts.seconds.above(counts.seconds.edges.index(0.01)).bad == 2
    assert counts.work.edge(1.0) == counts.work.edges.index(0.0025)


def test_there_may_be_no_server(tmp_path: Path) -> None:
    """Or one that is just starting: what can't be read is not nothing."""
    assert read(tmp_path / "nowhere") == {}
    (tmp_path / "counter_1.db").write_bytes(b"")
    assert read(tmp_path) is None


def test_counts_since_another_look() -> None:
    """What came in between; after a restart of the server, what came since that."""
    edges = (0.1, 1.0)
    before = Counts(answered=10, refused=1, faults=2, seconds=Histogram(edges, (8, 2, 0)), labelled=4, wrong=1)
    after = Counts(answered=15, refused=1, faults=2, seconds=Histogram(edges, (9, 5, 1)), labelled=6, wrong=0)
    assert after - before == Counts(answered=5, seconds=Histogram(edges, (1, 3, 1)), labelled=2)
    assert (before - Counts()) + (after - before) == before - Counts() + (after - before)
    anew = Counts(answered=3, seconds=Histogram(edges, (3, 0, 0)), labelled=4, wrong=1)
    assert anew - before == Counts(answered=3, seconds=Histogram(edges, (3, 0, 0)))


def test_an_edge_is_where_enough_are_below() -> None:
    """The first such; past the last where even that is not enough."""
    histogram = Histogram((0.1, 1.0), (90, 9, 1))
    assert [histogram.edge(share) for share in (0.5, 0.9, 0.95, 1.0)] == [0, 0, 1, 2]
    assert [histogram.above(edge).bad for edge in (0, 1, 2)] == [10, 1, 0]
