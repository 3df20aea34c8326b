"""The journal's ended days in a real store that speaks S3: uploads, reading in place, outages, erasure, retention."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cuelight.journal import archive, layout, stubs
from cuelight.journal.adoption import Adopter, survey
from cuelight.journal.archive import Terms
from cuelight.journal.compactor import Compactor
from cuelight.journal.erasure import erase
from cuelight.journal.query import Journal, Query
from cuelight.journal.record import Label
from cuelight.kit.clock import FakeClock
from cuelight.kit.errors import Unavailable
from cuelight.protocol.redaction import candidates
from tests.support.command import asked
from tests.support.journal import NOON, prediction, write
from tests.support.object_store import ObjectStore

_DAY = 86_400
_WHO = {"city": candidates("Anntown")}


@pytest.fixture
def store(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """The store, as the environment tells where it is."""
    for name, value in object_store.environment.items():
        monkeypatch.setenv(name, value)
    stubs._root.cache_clear()
    return object_store


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Two days, the second one today's; compacted."""
    for number in range(4):
        rows = [{"x": 1.0, "city": "Anntown" if number == 1 else "Bobtown"}]
        for at in (number - _DAY, number):
            write(tmp_path, prediction(at, rows=rows), Label(NOON + at, "m", f"p{at}", 0, number))
    Compactor(tmp_path, clock=FakeClock(NOON)).run_once()
    return tmp_path


def _compactor(folder: Path, url: str, at: float = NOON, days: float = 0.0, **options: Any) -> Compactor:
    return Compactor(folder, clock=FakeClock(at), archive=Terms(url, days), **options)


def _seen(folder: Path) -> list[Any]:
    reader, query = Journal(folder), Query("m")
    return [
        reader.rows_table(query).to_pylist(),
        reader.requests_table(query).to_pylist(),
        reader.labelled_table(query).to_pylist(),
    ]


def _url(store: ObjectStore, prefix: str) -> str:
    return f"s3://{store.bucket}/{prefix}"


def _files(store: ObjectStore, prefix: str) -> list[str]:
    return [key for key in store.keys(prefix) if not key.endswith("/")]


def test_ended_days_are_there_and_read_in_place(store: ObjectStore, journal: Path) -> None:
    """All is seen as before; the archive alone is a journal."""
    before = _seen(journal)
    said = _compactor(journal, _url(store, "journal-1")).run_once()
    assert "3 files archived; 3 archived files deleted here" in said
    assert _seen(journal) == before
    keys = _files(store, "journal-1")
    assert [key.split("/")[1:3] for key in keys] == [[name, "model=m"] for name in ("labels", "requests", "rows")]
    copy = journal / "copy.parquet"
    copy.write_bytes(store.read(keys[2]))
    assert duckdb.read_parquet(str(copy)).filter("prediction_id = 'p-86400'").fetchall()


def test_a_large_file_goes_in_parts_and_comes_in_ranges(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several parts up; a query of one column takes a small part of it down."""
    rows = [{"x": float(number), "city": os.urandom(150).hex()} for number in range(80_000)]
    write(tmp_path, prediction(-_DAY, rows=rows))
    _compactor(tmp_path, _url(store, "journal-2")).run_once()
    (key,) = [key for key in _files(store, "journal-2") if "/rows/" in key]
    head = store.client().head_object(Bucket=store.bucket, Key=key)
    assert head["ContentLength"] > 10 << 20
    assert head["ETag"].strip('"').partition("-")[2] > "1"  # of several parts
    taken: list[int] = []
    read = stubs._Reader.read

    def counted(self: Any, size: int = -1) -> bytes:
        content = read(self, size)
        taken.append(len(content))
        return content

    monkeypatch.setattr(stubs._Reader, "read", counted)
    assert Journal(tmp_path).rows_table(Query("m"), ["input.x"]).num_rows == 80_000
    assert sum(taken) < head["ContentLength"] / 4


@pytest.mark.parametrize("way", ["cut", "stall"])
def test_an_outage_is_survived_and_caught_up_with(
    store: ObjectStore, journal: Path, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Compaction goes on, what is here is read, what is there is not; afterwards all is there."""
    url, clock = _url(store, f"journal-3-{way}"), FakeClock(NOON)
    compactor = Compactor(journal, clock=clock, archive=Terms(url, 0.0))
    compactor.run_once()
    before, there = _seen(journal), _files(store, f"journal-3-{way}")
    getattr(store, way)()
    try:
        write(journal, prediction(9))
        clock.advance(_DAY)
        assert compactor.run_once().startswith("compacted 1 segments")
        compactor.run_once()
        assert caplog.text.count("Nothing is archived") == 1
        assert Journal(journal).rows_table(Query("m", since=NOON)).num_rows == 5
        with pytest.raises(Unavailable, match=rf"archive {url} can't be reached"):
            Journal(journal).rows(Query("m"))
        assert _files(store, f"journal-3-{way}") == there
    finally:
        store.mend()
    clock.advance(70)
    assert "files archived" in compactor.run_once()
    assert archive.waiting(journal, NOON + _DAY).files == 0
    assert not list(journal.glob("*/model=m/date=*/host=*/[!.]*.parquet"))
    assert _seen(journal)[0][:8] == before[0]


def test_a_store_without_the_bucket_is_told(
    store: ObjectStore, journal: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Once; nothing is deleted here."""
    compactor = Compactor(journal, clock=FakeClock(NOON), archive=Terms("s3://nowhere/journal", 0.0, 1))
    before = _seen(journal)
    compactor.run_once()
    compactor.run_once()
    assert caplog.text.count("there is no nowhere") == 1
    assert _seen(journal) == before


def test_a_changed_object_is_noticed(store: ObjectStore, journal: Path) -> None:
    """While the file is here too it is archived anew; after that whoever reads it is told."""
    url = _url(store, "journal-4")
    _compactor(journal, url, days=7).run_once()
    before = _seen(journal)
    keys = _files(store, "journal-4")
    store.put(keys[0], b"other")
    store.delete(keys[1])
    for _ in range(2):
        _compactor(journal, url).run_once()
    assert _seen(journal) == before
    assert not list(journal.glob("*/model=m/date=2023-11-14/host=*/[!.]*.parquet"))
    store.put(keys[2], store.read(keys[2]) + b"more")
    with pytest.raises(Unavailable, match="is not as it was archived: another size"):
        Journal(journal).rows(Query("m"))


def test_erasure_and_retention_reach_what_is_there(store: ObjectStore, journal: Path) -> None:
    """Somebody's rows are in no object; days past retention have none."""
    url = _url(store, "journal-5")
    _compactor(journal, url).run_once()
    before = _files(store, "journal-5")
    assert erase(_compactor(journal, url), journal, "m", _WHO, False, 0.0).rows == 2
    _compactor(journal, url).run_once()
    after = _files(store, "journal-5")
    assert len(after) == len(before) == 3
    assert not set(before) & set(after)
    for key in after:
        (copy := journal / "copy.parquet").write_bytes(store.read(key))
        assert "Anntown" not in repr(duckdb.read_parquet(str(copy)).fetchall())
    assert Journal(journal).rows_table(Query("m")).num_rows == 6
    store.cut()
    clock = FakeClock(NOON + 100 * _DAY)
    late = Compactor(journal, clock=clock)
    late.run_once()
    assert _files(store, "journal-5") == after
    store.mend()
    clock.advance(70)
    late.run_once()
    assert _files(store, "journal-5") == []
    assert not list(journal.glob(f"*/model=*/*/*/.*{layout.STUB}"))


def _command(folder: Path, url: str, *arguments: str, days: float = 1e5) -> subprocess.CompletedProcess[str]:
    """`cuelight` in an installation whose journal is `folder`, and is kept for so many days."""
    chosen = {"HOME": folder.parent, "JOURNAL_ARCHIVE": url, "JOURNAL_RETENTION_DAYS": days, "HOST_NAME": "h"}
    variables = {f"CUELIGHT_{name}": str(value) for name, value in chosen.items()}
    return asked(folder.parent.parent, {**os.environ, **variables}, *arguments)


def test_a_lost_disk_is_made_good_from_what_is_there(store: ObjectStore, journal: Path, tmp_path: Path) -> None:
    """The command makes the days readable again: to queries, exports, labels and erasure."""
    url = _url(store, "journal-6")
    _compactor(journal, url).run_once()
    store.put("journal-6/rows/notes.txt", b"?")
    for path in journal.rglob("*.parquet"):
        path.unlink()  # today's, which are nowhere else
    before = _seen(journal)
    home = tmp_path / "home" / "journal"
    away = json.loads(_command(home, url, "doctor", "--json").stdout)["findings"]
    assert any("3 objects of the journal's archive are not known here" in each["says"] for each in away)
    found = _command(home, url, "journal", "adopt")
    assert found.returncode == 10
    assert f"Adopted 3 files of 2023-11-14 to 2023-11-14 from {url}," in found.stdout
    assert "Passed by: rows/notes.txt: no file of the journal is called so." in found.stdout
    assert _seen(home) == before
    assert "Adopted 0 files from" in _command(home, url, "journal", "adopt", "--prove").stdout
    assert _command(home, url, "journal", "erase", "m", "--key", "city=Anntown").stdout.startswith("Erased 1 rows")
    _compactor(home, url).run_once()
    assert "Anntown" not in str(_seen(home))
    assert _command(home, url, "journal", "adopt").stdout.startswith("Adopted 0 files")


@pytest.mark.parametrize("way", ["cut", "stall"])
def test_an_adoption_that_is_broken_off_goes_on(store: ObjectStore, tmp_path: Path, way: str) -> None:
    """What is done stays; nothing that is there is refused because the store went away."""
    url = _url(store, f"journal-7-{way}")
    journal = tmp_path / "before"
    for day in range(1, 9):
        write(journal, prediction(-day * _DAY))
    _compactor(journal, url).run_once()
    done = list[str]()

    def stop(step: str) -> None:
        done.append(step)
        if len(done) == 6:
            getattr(store, way)()

    lost = tmp_path / "lost"
    try:
        with pytest.raises(Unavailable, match=r"journal-7-\w+ can't be reached"):
            Adopter(lost, url, lambda _: True, batch=4, checkpoint=stop).run()
    finally:
        store.mend()
    known = len(list(lost.rglob(f".*{layout.STUB}")))
    assert 0 < known < 16
    found = Adopter(lost, url, lambda _: True).run()
    assert (found.known, found.files, found.well) == (known, 16 - known, True)
    assert _seen(lost) == _seen(journal)


def test_it_works_beside_a_compactor(store: ObjectStore, tmp_path: Path) -> None:
    """One that goes on compacting, merging and archiving: each record is there once, and its object has its stub."""
    url = _url(store, "journal-8")
    journal, lost = tmp_path / "before", tmp_path / "lost"
    for number in range(40):
        write(journal, prediction(number - (1 + number % 4) * _DAY))
    _compactor(journal, url).run_once()
    stopped = threading.Event()
    beside = _compactor(lost, url)

    def work() -> None:
        while not stopped.wait(0.05):  # it lets others have the lock, as one that pauses does
            beside.run_once()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for number in range(40, 60):
            write(lost, prediction(number - (1 + number % 4) * _DAY))
        found = Adopter(lost, url, lambda _: True, batch=1).run()
    finally:
        stopped.set()
        thread.join(60)
    while "files archived" in beside.run_once():
        pass
    assert found.well
    times = [each["prediction_id"] for each in Journal(lost).rows_table(Query("m")).to_pylist()]
    assert len(times) == len(set(times)) == 60
    seen = survey(lost, url)
    assert (seen.unknown, seen.missing, seen.strange) == ((), (), ())


def test_a_restored_backup_takes_in_what_was_archived_since(store: ObjectStore, journal: Path, tmp_path: Path) -> None:
    """It says so, and which days the next compactor would delete by a setting that is smaller now."""
    url, file = _url(store, "journal-9"), tmp_path / "backup.tar.zst"
    home = tmp_path / "home" / "journal"
    home.mkdir(parents=True)
    for name in layout.DATASETS:
        (journal / name).rename(home / name)
    _compactor(home, url).run_once()
    said = _command(home, url, "backup", str(file)).stdout
    assert f"Archived days of the journal stay where they are, in {url}: it has a list of them." in said
    _compactor(home, url, at=NOON + _DAY).run_once()
    before = _seen(home)
    restored = tmp_path / "restored" / "journal"
    said = _command(restored, url, "restore", str(file), days=90).stdout
    assert f"Days of its journal are in the archive {url}, as it is now, and not in the backup." in said
    assert "3 files there are past journal.retention_days, which is 90 here" in said
    assert len(_seen(restored)[0]) == len(before[0])
    for path in restored.rglob("[!.]*.parquet"):
        path.unlink()  # as if the backup were of the evening before
    assert "Adopted 3 files" in _command(restored, url, "journal", "adopt").stdout
    assert _seen(restored) == before
