"""What the follower reads of the workers' counters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from cuelight.serving.rollouts.counts import Counts
from cuelight.serving.rollouts.meters import Pool, read

# One worker: two good answers of version 3, one of them invalid, a fault, one refusal, one that came too late, and one
# for what is not there; then two rematches.
_WORKER = """
import sys
from pathlib import Path
from cuelight.journal.record import Prediction
from cuelight.serving.answering.call import Party
from cuelight.serving.answering.metrics import Metrics
from cuelight.serving.answering.rematches import Result
from cuelight.serving.answering.outcome import Answer, Outcome

def outcome(version, status, invalid=False):
    served = "m", version, "d", "Production", "champion", 1
    record = Prediction(0.0, "p", "r", "", "", *served, status, 1.0, 1, "", b"", b"")
    return Outcome(Answer(status, b""), record, invalid=invalid)

metrics = Metrics()
metrics.count([outcome(3, 200), outcome(3, 200, True), outcome(3, 500), outcome(3, 503), outcome(3, 504)])
metrics.count([outcome(0, 404)])
for result in (Result.WORSE, Result.SLOWER, Result.EVEN, Result.NEITHER, Result.EVEN):
    metrics.count_rematch(Party("m", 3, "Production", "champion"), result)
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
    assert found["m", 3, "champion"] == Counts(
        answered=6, failed=2, invalid=2, refused=2, worse=2, slower=2, even=4, neither=2
    )


def test_hosts_count_together(tmp_path: Path) -> None:
    """Each from where it was; one that starts anew, or is gone, takes nothing back."""
    folders = [tmp_path / "one", tmp_path / "two"]
    pool = Pool(lambda: folders)
    assert pool.read() == {}
    for times, folder in enumerate(folders, start=1):
        _work(folder)
        assert _answered(pool) == 3 * times
    for left in folders[0].iterdir():  # it starts anew, and is looked at before and after it has answered
        left.unlink()
    assert _answered(pool) == 6
    _work(folders[0])
    _work(folders[0])
    assert _answered(pool) == 12
    folders.pop()
    assert _answered(pool) == 12


def _work(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    subprocess.run([sys.executable, "-c", _WORKER, str(folder)], env=env, check=True)


def _answered(pool: Pool) -> int:
    return (pool.read() or {})["m", 3, "champion"].answered


def test_there_may_be_no_server(tmp_path: Path) -> None:
    """Or one that is just starting: what can't be read is not nothing."""
    assert read(tmp_path / "nowhere") == {}
    (tmp_path / "counter_1.db").write_bytes(b"")
    assert read(tmp_path) is None


def test_counts_since_another_look() -> None:
    """What came in between; after a restart of the server, what came since that."""
    before = Counts(answered=10, refused=1, worse=2, labelled=4, wrong=1)
    after = Counts(answered=15, refused=1, worse=2, labelled=6, wrong=0)
    assert after - before == Counts(answered=5, labelled=2)
    assert (before - Counts()) + (after - before) == before - Counts() + (after - before)
    anew = Counts(answered=3, worse=1, labelled=4, wrong=1)
    assert anew - before == Counts(answered=3, worse=1)
    assert Counts() - before == Counts()


_PAGE = """
import sys, threading, time
from pathlib import Path
from cuelight.kit.settings import Settings
from cuelight.serving.host.board import Board
from cuelight.serving.answering.metrics import Metrics
from cuelight.serving.answering.readings import readings
folder = Path(sys.argv[1])
metrics = Metrics(*readings(Board(folder / "board"), Settings(home=folder), list))
half = folder / "metrics" / "counter_1.db"
half.write_bytes(b"")
threading.Timer(0.03, half.unlink).start()
print(b"cuelight_generation" in metrics.page())
"""


def test_a_page_waits_for_a_file_that_is_just_coming(tmp_path: Path) -> None:
    """A worker that starts makes its files empty, for a moment."""
    (tmp_path / "metrics").mkdir()
    env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics")}
    ran = subprocess.run([sys.executable, "-c", _PAGE, str(tmp_path)], env=env, check=True, capture_output=True)
    assert ran.stdout == b"True\n"
