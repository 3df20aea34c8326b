from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cuelight.journal import segment
from cuelight.journal.record import Label, Prediction, Schema
from cuelight.journal.writer import Writer
from cuelight.kit.clock import FakeClock
from tests.support.journal import prediction, schema, stored

_APPENDING = """
import os, sys
from pathlib import Path
from cuelight.journal.writer import Writer
from tests.support.journal import prediction, schema
writer = Writer(Path(sys.argv[1]), "h", segment_bytes=200_000)
writer.declare(schema())
number = 0
while True:
    batch = [prediction(number + i) for i in range(1 + number % 3)]
    assert writer.append(*batch)
    os.write(1, b"".join(b"%d\\n" % (number + i) for i in range(len(batch))))
    number += len(batch)
    if number % 500 < 3:
        writer.roll()
"""

# A process of its own: no threads but this one are there when it forks.
_FORKING = """
import os, sys, threading
from pathlib import Path
from cuelight.journal.writer import Writer
from tests.support.journal import prediction, schema
writer = Writer(Path(sys.argv[1]), "h")
writer.declare(schema())
stop = threading.Event()
def busy():
    while not stop.is_set():
        writer.append(prediction(7))
thread = threading.Thread(target=busy)
thread.start()
for number in range(20):
    child = os.fork()
    if child == 0:
        good = writer.append(prediction(1_000 + number))
        writer.close()
        os._exit(0 if good else 1)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
thread.join()
writer.close()
"""


def _names(folder: Path) -> list[str]:
    return sorted(path.suffix for path in folder.glob("segments/*/*"))


def test_a_schema_stands_before_the_first_prediction_of_each_segment(tmp_path: Path) -> None:
    """Each segment holds the signature of each version in it once, before what needs it."""
    clock = FakeClock()
    writer = Writer(tmp_path, "h", segment_seconds=5, sync="none", clock=clock)
    writer.declare(schema(1))
    writer.declare(schema(2))
    for _ in range(2):
        writer.append(prediction(0))
        writer.append(prediction(1), prediction(2, version=2, digest="d2"))
        clock.advance(5)
        writer.roll()
    kinds = [each.digest if isinstance(each, Schema) else type(each) for each in stored(tmp_path)]
    assert kinds == ["d1", Prediction, "d2", Prediction, Prediction] * 2
    assert _names(tmp_path) == [".closed", ".closed"]


def test_a_segment_is_closed_by_age_and_by_size(tmp_path: Path) -> None:
    """`roll` leaves a young small segment open and closes an old or a full one."""
    clock = FakeClock()
    writer = Writer(tmp_path, "h", segment_bytes=1_000, segment_seconds=5, clock=clock)
    writer.append(Label(1.0, "m", "p", 0, 1))
    clock.advance(4.9)
    writer.roll()
    assert _names(tmp_path) == [".open"]
    clock.advance(0.1)
    writer.roll()
    assert _names(tmp_path) == [".closed"]
    writer.append(prediction(0, request=bytes(2_000)))
    writer.append(prediction(1))
    writer.roll()
    assert _names(tmp_path) == [".closed", ".closed", ".open"]
    writer.close()
    assert len(stored(tmp_path)) == 3


@pytest.mark.parametrize("sync", ["none", "interval", "each"])
def test_threads_share_a_writer(tmp_path: Path, sync: str) -> None:
    """Records of many threads are all there once, and none is inside another, while the segment rolls."""
    writer = Writer(tmp_path, "h", segment_bytes=20_000, sync=sync)
    writer.declare(schema())

    def work(thread: int) -> None:
        for number in range(50):
            assert writer.append(prediction(thread * 100 + number), prediction(thread * 100 + number + 50))
            writer.roll()

    threads = [threading.Thread(target=work, args=(each,)) for each in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    writer.close()
    found = sorted(each.prediction_id for each in stored(tmp_path) if isinstance(each, Prediction))
    assert found == sorted(f"p{thread * 100 + number}" for thread in range(4) for number in range(100))
    assert set(_names(tmp_path)) == {".closed"}


def test_a_forked_child_writes_a_segment_of_its_own(tmp_path: Path) -> None:
    """After a fork parent and child write apart, also where another thread was in the middle of an append."""
    subprocess.run([sys.executable, "-c", _FORKING, str(tmp_path)], check=True, cwd=Path.cwd(), timeout=60)
    files = list(tmp_path.glob("segments/h/*.closed"))
    assert len(files) == 21
    assert not [item for path in files for item in segment.read(path.read_bytes()) if isinstance(item, segment.Damage)]
    found = [each.prediction_id for each in stored(tmp_path) if isinstance(each, Prediction)]
    assert sorted(each for each in found if each != "p7") == [f"p{1_000 + number}" for number in range(20)]


def test_sigkill_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """Of a process killed in the middle of appending, each record it had acknowledged is in the journal, once."""
    command = [sys.executable, "-c", _APPENDING, str(tmp_path)]
    for kill_after in (100, 1_777, 4_000):
        folder = tmp_path / str(kill_after)
        command[-1] = str(folder)
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path.cwd()) as child:
            assert child.stdout is not None
            acknowledged = [child.stdout.readline() for _ in range(kill_after)]
            child.send_signal(signal.SIGKILL)
            acknowledged += child.stdout.readlines()
            child.wait()
        whole = [int(line) for line in acknowledged if line.endswith(b"\n")]
        found = [int(each.prediction_id[1:]) for each in stored(folder) if isinstance(each, Prediction)]
        assert len(whole) >= kill_after
        assert len(found) == len(set(found))
        assert set(whole) <= set(found)


def test_a_full_disk_leaves_no_half_record(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A record that fits only in part is taken back and counted, with one warning a minute; room again, it goes on."""
    clock = FakeClock()
    writer = Writer(tmp_path, "h", clock=clock)
    assert writer.append(prediction(0))
    (path,) = tmp_path.glob("segments/h/*.open")
    before, limits = path.stat().st_size, resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (before + 100, limits[1]))
    try:
        assert not writer.append(prediction(1), prediction(2))
        assert not writer.append(prediction(3))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.stat().st_size == before
    assert writer.dropped == 3
    assert len(caplog.records) == 1
    assert writer.append(prediction(4))
    writer.close()
    assert [each.prediction_id for each in stored(tmp_path) if isinstance(each, Prediction)] == ["p0", "p4"]


def test_nothing_follows_half_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where even taking back fails, the segment is given up: later records are whole, in another."""
    writer = Writer(tmp_path, "h")
    writer.append(prediction(0))

    def full(descriptor: int, pieces: list[bytes]) -> int:
        content = b"".join(pieces)
        if len(content) > 100:
            return os.write(descriptor, content[:10])
        raise OSError(errno.ENOSPC, "full")

    def broken(descriptor: int, length: int) -> None:
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", full)
        patch.setattr(os, "ftruncate", broken)
        assert not writer.append(prediction(1))
    assert writer.append(prediction(2))
    writer.close()
    assert [each.prediction_id for each in stored(tmp_path) if isinstance(each, Prediction)] == ["p0", "p2"]


def test_large_bodies_are_written_from_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In many pieces, and however little the system takes at once, all records come back as they were."""
    writev = os.writev
    records = [prediction(i, request=bytes([i % 256]) * (200 * i), response=b"x" * i) for i in range(400)]
    writer = Writer(tmp_path, "h")
    assert writer.append(*records)
    taken: list[int] = []

    def little(descriptor: int, pieces: list[bytes]) -> int:
        taken.append(os.write(descriptor, b"".join(pieces)[:99_999]))
        return taken[-1]

    monkeypatch.setattr(os, "writev", little)
    assert writer.append(*records)
    monkeypatch.setattr(os, "writev", writev)
    writer.close()
    assert len(taken) > 100
    assert stored(tmp_path) == records * 2


def test_a_folder_that_cannot_be_made_stops_nothing(tmp_path: Path) -> None:
    """With a file where the folder should be, records are dropped and counted, and nothing is raised."""
    (tmp_path / "segments").write_text("in the way")
    writer = Writer(tmp_path, "h")
    assert not writer.append(prediction(0))
    writer.roll()
    writer.close()
    assert writer.dropped == 1


def test_a_wrong_mode_is_refused() -> None:
    """A sync mode that is not one is an error at once, not a journal that is never synced."""
    with pytest.raises(ValueError, match="none, interval, each"):
        Writer(Path("/nowhere"), "h", sync="sometimes")


def test_importing_the_writer_is_light() -> None:
    """A scoring worker that records does not load pandas, Arrow, DuckDB or NumPy for it."""
    heavy = {"pandas", "pyarrow", "duckdb", "numpy", "sqlalchemy"}
    code = f"import sys, cuelight.journal.writer; sys.exit(len({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_two_writers_of_one_process_never_share_a_name(tmp_path: Path) -> None:
    """Writers made in the same moment, one after the other or side by side, keep all their records."""
    writers = [Writer(tmp_path, "h", sync="none") for _ in range(5)]
    for number, writer in enumerate(writers):
        writer.append(prediction(number))
        writer.close()
    assert len(stored(tmp_path)) == 5
