"""Ended days go to an archive, here a folder, and whoever reads the journal sees no difference."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cuelight.journal import layout, lookup, pulse, stubs
from cuelight.journal.archive import Terms, Waiting, waiting
from cuelight.journal.compactor import Compactor
from cuelight.journal.erasure import Erased, Eraser, erase
from cuelight.journal.labels import unknown
from cuelight.journal.layout import Day
from cuelight.journal.pairs import Pairs
from cuelight.journal.query import Journal, Query
from cuelight.journal.record import Label
from cuelight.journal.tail import Tail
from cuelight.kit.clock import FakeClock
from cuelight.kit.errors import Unavailable
from cuelight.protocol.redaction import candidates
from tests.support.journal import NOON, prediction, schema, write
from tests.support.killed import killed

_DAY = 86_400
_TODAY, _YESTERDAY = "2023-11-15", "2023-11-14"


def _compactor(folder: Path, at: float = NOON, days: float = 0.0, most: int = 0, **options: Any) -> Compactor:
    terms = Terms(str(folder.parent / "archive"), days, most)
    return Compactor(folder, clock=FakeClock(at), archive=terms, **options)


def _fill(folder: Path, days: int = 3) -> None:
    """Some segments a day, of two versions and two hosts: rows, refusals, a shadow, labels by id and by key."""
    for day in range(1 - days, 1):
        for number in range(4):
            at = day * _DAY + 10 * number
            rows: list[dict[str, Any]] = [{"x": float(number), "city": f"c{day}{number}"}, {"x": None, "city": "Oslo"}]
            write(
                folder,
                prediction(at, rows=rows),
                prediction(at + 1, status=400, error="no"),
                prediction(at + 2, rows=rows, version=2, digest="d2", arm="shadow", prediction_id=f"p{at}"),
                Label(NOON + at + 5, "m", f"p{at}", 0, number),
                Label(NOON + at + 5, "m", f"p{at}", 0, number + 1),
                Label(NOON + at + 5, "m", "", 0, "late", key_column="city", key="Oslo"),
                Label(NOON + at + 5, "m", "nobody's", 0, 1),
                schemas=(schema(1), schema(2)),
                host=f"h{number % 2}",
            )


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Three days, the last of them today's, compacted and not archived."""
    (tmp_path / "archive").mkdir()
    folder = tmp_path / "journal"
    _fill(folder)
    Compactor(folder, clock=FakeClock(NOON)).run_once()
    return folder


def _seen(folder: Path) -> list[Any]:
    """What all that reads the journal makes of it."""
    reader, query, clock = Journal(folder), Query("m"), FakeClock(NOON + 60)
    pairs = Pairs(folder, "m")
    relation = reader.relation(query, ["input.*"])
    assert relation is not None
    return [
        reader.rows_table(query).to_pylist(),
        reader.rows_table(Query("m", last_rows=9), ["input.x"]).to_pylist(),
        reader.requests_table(query).to_pylist(),
        reader.labelled_table(query).to_pylist(),
        reader.service(query, 3600.0),
        sorted(reader.counts(query, ["version"], 3600.0).to_pylist(), key=str),
        sorted(reader.columns(query)),
        [row for batch in reader.batches(layout.REQUESTS, query) for row in batch.to_pylist()],
        sorted(relation.fetchall(), key=str),
        list(pairs.versions()),
        pairs.rows(1, 2, 100).to_pylist(),
        pairs.requests(1, 2, 100).to_pylist(),
        unknown(folder, "m"),
        lookup.find(folder, "p0"),
        [lookup.find(folder, f"p{-_DAY}"), lookup.labels(folder, prediction(-_DAY))],
        Tail(folder, query, clock).newest(100),
        pulse.Pulses(folder).read(NOON + 60),
        layout.models(folder, layout.ROWS),
    ]


def _objects(folder: Path) -> list[str]:
    archive = folder.parent / "archive"
    return sorted(path.relative_to(archive).as_posix() for path in archive.rglob("*") if path.is_file())


def _here(folder: Path, day: str = "*") -> list[Path]:
    return sorted(folder.glob(f"*/model=m/date={day}/host=*/[!.]*.parquet"))


def _away(folder: Path) -> Path:
    """Take the archive away, as an outage does."""
    return (folder.parent / "archive").rename(folder.parent / "away")


def _back(folder: Path) -> None:
    (folder.parent / "away").rename(folder.parent / "archive")


def test_all_that_reads_sees_the_same(journal: Path) -> None:
    """With ended days in the archive only, with some files here and some there, and with all of them here."""
    before = _seen(journal)
    _compactor(journal, days=7).run_once()
    assert len(_objects(journal)) == len(_here(journal)) - len(_here(journal, _TODAY))
    assert _seen(journal) == before
    for path in _here(journal, _YESTERDAY)[::2]:
        path.unlink()
    assert _seen(journal) == before
    _compactor(journal).run_once()
    assert _here(journal) == _here(journal, _TODAY)
    assert _seen(journal) == before


def test_the_archive_alone_is_a_journal(journal: Path) -> None:
    """Its names say what is in it, and any tool reads it by its folders."""
    rows = Journal(journal).rows_table(Query("m", until=NOON - _DAY / 2)).num_rows
    said = _compactor(journal).run_once()
    objects = _objects(journal)
    assert f"{len(objects)} files archived; {len(objects)} archived files deleted here" in said
    assert {name.split("/")[2] for name in objects} == {"date=2023-11-13", "date=2023-11-14"}
    pattern = f"{journal.parent}/archive/rows/*/*/*/*.parquet"
    relation = f"read_parquet('{pattern}', hive_partitioning = true)"
    assert duckdb.sql(f"SELECT count(*) FROM {relation} WHERE model = 'm' AND arm <> 'shadow'").fetchone() == (rows,)
    for path in journal.glob("*/model=m/date=*/host=*/.*"):
        stub = stubs.read(path)
        assert stub is not None
        assert stub.key.endswith(f".{stub.sha256[:16]}.parquet")
        stub.prove()
    assert _compactor(journal).run_once() == "nothing to compact"


_IMPORTS = """
from cuelight.journal.compactor import Compactor
from cuelight.journal.archive import Terms
from cuelight.journal.erasure import Eraser
from cuelight.kit.clock import FakeClock
"""
_ARCHIVE = f'clock=FakeClock({NOON}), archive=Terms(str(folder / "archive"), 0.0)'


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A folder with a journal of three files of yesterday, and an archive with nothing."""
    folder = tmp_path / "base"
    (folder / "archive").mkdir(parents=True)
    rows = [[{"x": 1.0, "city": "Anntown"}], [{"x": 2.0, "city": "Bobtown"}]]
    asked = [prediction(number - _DAY, rows=each) for number, each in enumerate(rows)]
    write(folder / "journal", *asked, Label(NOON - _DAY, "m", "p", 0, 1))
    Compactor(folder / "journal", clock=FakeClock(NOON)).run_once()
    return folder


def _counts(folder: Path) -> list[int]:
    reader, query = Journal(folder), Query("m")
    return [reader.rows_table(query).num_rows, reader.requests_table(query).num_rows, len(unknown(folder, "m"))]


def test_killed_anywhere_nothing_is_there_twice_or_lost(base: Path, tmp_path: Path) -> None:
    """Killed with SIGKILL at any step, readers see all of it, and the next run leaves what an unkilled one leaves."""
    whole = shutil.copytree(base, tmp_path / "whole") / "journal"
    steps: list[str] = []
    _compactor(whole, checkpoint=steps.append).run_once()
    assert set(steps) == {"claimed", "written", "placed", "uploaded", "archived", "dropped"}
    job = f'Compactor(folder / "journal", checkpoint=checkpoint, {_ARCHIVE}).run_once()'
    for folder in killed(_IMPORTS, job, base, len(steps), tmp_path):
        assert _counts(folder / "journal") == [2, 2, 1], folder.name
        _compactor(folder / "journal").run_once()
        assert _objects(folder / "journal") == _objects(whole), folder.name
        assert _names(folder / "journal") == _names(whole), folder.name
        assert _counts(folder / "journal") == [2, 2, 1], folder.name


def _names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_narrow_query_reads_few_of_the_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the columns, and the groups of rows, that it needs."""
    (tmp_path / "archive").mkdir()
    folder = tmp_path / "journal"
    noise = [{"x": float(number), "city": os.urandom(60).hex()} for number in range(50_000)]
    for number in range(2):
        write(folder, prediction(number - _DAY, rows=noise))
    _compactor(folder).run_once()
    assert not _here(folder)
    read = list[int]()
    whole = stubs._Reader.read

    def counted(self: Any, size: int = -1) -> bytes:
        content = whole(self, size)
        read.append(len(content))
        return content

    monkeypatch.setattr(stubs._Reader, "read", counted)
    size = sum(each.stat().st_size for each in (tmp_path / "archive/rows").rglob("*.parquet"))
    assert Journal(folder).size(Query("m")).rows == 100_000
    assert 0 < sum(read) < size / 4


def test_an_archived_file_between_listing_and_reading_is_no_loss(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was listed here and is there by now is listed anew."""
    expected, files, said = _seen(journal), Day.files, list[str]()

    def listing(self: Day) -> list[str]:
        found = files(self)
        if not said:
            said.append(_compactor(journal).run_once())
        return found

    monkeypatch.setattr(Day, "files", listing)
    assert _seen(journal) == expected
    assert "deleted here" in said[0]


def test_what_comes_late_joins_the_day(journal: Path) -> None:
    """A file that is archived is not merged with others; those that came after it are archived as well."""
    _compactor(journal).run_once()
    count = Journal(journal).rows_table(Query("m")).num_rows
    for number in range(5):
        write(journal, prediction(500 + number - _DAY), host="h0")
    said = _compactor(journal).run_once()
    assert "small files merged into 2" in said
    assert "2 files archived" in said
    assert Journal(journal).rows_table(Query("m")).num_rows == count + 5
    assert _here(journal) == _here(journal, _TODAY)


def test_an_outage_stops_nothing_else(journal: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is here is read and compacted; what is there is not, and why is told; afterwards it catches up."""
    clock = FakeClock(NOON)
    archive = Terms(str(journal.parent / "archive"), 0.0)
    compactor = Compactor(journal, clock=clock, archive=archive)
    compactor.run_once()
    before = _seen(journal)
    away = _away(journal)
    kept = sorted(away.rglob("*"))
    today = Query("m", since=NOON - 60)
    assert Journal(journal).rows_table(today).num_rows == 8
    for read in (Journal(journal).rows, Journal(journal).labelled):
        with pytest.raises(Unavailable, match=r"archive .*/archive can't be reached: .*cuelight doctor"):
            read(Query("m"))
    with pytest.raises(Unavailable, match="can't be reached"):
        list(Journal(journal).batches(layout.ROWS, Query("m")))
    assert Journal(journal, local=True).rows_table(Query("m")).num_rows == 8
    write(journal, prediction(600, prediction_id="new"))
    clock.advance(_DAY)
    for _ in range(3):
        assert "archived" not in compactor.run_once()
        clock.advance(70)
    assert Journal(journal).rows_table(Query("m", since=NOON)).num_rows == 9
    assert caplog.text.count("archive-down") + caplog.text.count("Nothing is archived") == 1
    _back(journal)
    assert sorted((journal.parent / "archive").rglob("*")) != kept
    assert "files archived" in compactor.run_once()
    assert not _here(journal)
    assert "answers again" in caplog.text or compactor.run_once() == "nothing to compact"
    assert _seen(journal)[0] == sorted(
        [*before[0], *Journal(journal).rows_table(Query("m", id="new")).to_pylist()], key=lambda row: row["time"]
    )


def test_a_budget_takes_the_oldest_archived_files_first(journal: Path) -> None:
    """And no more than it must; today's are kept."""
    before = _seen(journal)
    _compactor(journal, days=7).run_once()
    sizes = {path: path.stat().st_size for path in _here(journal)}
    oldest = [path for path in sizes if "date=2023-11-13" in str(path)]
    most = sum(sizes.values()) - sum(sizes[path] for path in oldest) + 1
    _compactor(journal, days=7, most=most).run_once()
    assert sum(path.stat().st_size for path in _here(journal)) <= most
    assert {path for path in sizes if not path.exists()} <= set(oldest)
    assert len(_here(journal, _YESTERDAY)) > 0
    _compactor(journal, days=7, most=1).run_once()
    assert _here(journal) == _here(journal, _TODAY)
    assert _seen(journal) == before


def test_only_an_archive_that_has_worked_and_fails_costs_records(
    journal: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Then what is nowhere else goes, the oldest first, with a warning; never today's, and never by a wrong address."""
    files = _here(journal)
    away = _away(journal)
    _compactor(journal, most=1).run_once()
    assert _here(journal) == files
    _back(journal)
    for path in _here(journal, _YESTERDAY):
        path.rename(path.with_name(f".{path.name}"))
    _compactor(journal, days=7).run_once()
    for path in journal.glob(f"*/model=m/date={_YESTERDAY}/host=*/.*.parquet"):
        path.rename(path.with_name(path.name.removeprefix(".")))
    assert _away(journal) == away
    _compactor(journal, most=1).run_once()
    assert _here(journal) == _here(journal, _TODAY)
    assert f"of the journal of {_YESTERDAY} are deleted for good" in caplog.text
    assert "2023-11-13 are" not in caplog.text
    assert "What has to be here takes" in caplog.text


def test_retention_deletes_objects_too(journal: Path, caplog: pytest.LogCaptureFixture) -> None:
    """By age and by bytes, both of what is here and of what is there; in an outage it waits, unseen."""
    most = sum(path.stat().st_size for path in _here(journal)) - 1
    _compactor(journal).run_once()
    assert "deleted" not in _compactor(journal, retention_bytes=most + 1).run_once()
    _away(journal)
    clock = FakeClock(NOON)
    compactor = Compactor(journal, retention_bytes=most, clock=clock)
    assert compactor.run_once() == "3 days past retention deleted"
    assert Journal(journal).columns(Query("m", since=NOON - 3 * _DAY, until=NOON - 1.5 * _DAY)) == []
    compactor.run_once()
    assert caplog.text.count("is not deleted in whole yet") == 1
    _back(journal)
    assert [name for name in _objects(journal) if "date=2023-11-13" in name]
    clock.advance(70)
    compactor.run_once()
    assert {name.split("/")[2] for name in _objects(journal)} == {"date=2023-11-14"}
    assert not list(journal.glob("*/*/.date=*"))
    clock.advance(100 * _DAY)
    compactor.run_once()
    assert _objects(journal) == []


def test_an_object_that_was_changed_is_noticed(journal: Path) -> None:
    """Before the file here is deleted: it is archived anew. After that: by its size when it is read, or when proved."""
    _compactor(journal, days=7).run_once()
    before = _seen(journal)
    objects = sorted((journal.parent / "archive").rglob("*.parquet"))
    contents = [path.read_bytes() for path in objects]
    objects[0].unlink()
    objects[1].write_bytes(contents[1][:-1])
    _compactor(journal).run_once()
    _compactor(journal).run_once()
    assert [path.read_bytes() for path in objects] == contents
    assert _seen(journal) == before
    (rows,) = [each for each in objects if "/rows/" in str(each)][:1]
    rows.write_bytes(rows.read_bytes() + b"x")
    with pytest.raises(Unavailable, match="is not as it was archived: another size"):
        Journal(journal).rows(Query("m"))
    content = bytearray(contents[objects.index(rows)])
    content[100] ^= 1
    rows.write_bytes(content)
    (stub,) = [each for path in journal.rglob(".*.away") if (each := stubs.read(path)) and rows.name in each.key]
    with pytest.raises(Unavailable, match="is not as it was archived: another SHA-256"):
        stub.prove()
    rows.unlink()
    with pytest.raises(Unavailable, match=r"is not in the archive .* any more"):
        Journal(journal).rows(Query("m"))


def test_how_much_waits_is_told(journal: Path) -> None:
    """Files of ended days that have no stub, and their bytes; none once they are archived."""
    ended = [path for path in _here(journal) if _TODAY not in str(path)]
    assert waiting(journal, NOON) == Waiting(len(ended), sum(path.stat().st_size for path in ended))
    _compactor(journal, days=7).run_once()
    assert waiting(journal, NOON) == Waiting(0, 0)


_WHO = {"city": candidates("c-10")}


def _texts(folder: Path) -> bytes:
    """All that is kept, here and there."""
    return b"".join(
        repr(duckdb.read_parquet(str(path)).fetchall()).encode()
        for root in (folder, folder.parent / "archive")
        for path in root.rglob("*.parquet")
    )


def test_somebody_is_taken_out_of_the_archive(journal: Path, tmp_path: Path) -> None:
    """As out of what is here: the same is found, and the same is left."""
    twin = shutil.copytree(journal, tmp_path / "twin" / "journal")
    (tmp_path / "twin" / "archive").mkdir()
    _compactor(journal).run_once()
    objects = _objects(journal)
    dry = erase(_compactor(journal), journal, "m", _WHO, True, 0.0)
    assert _objects(journal) == objects
    plain = Compactor(twin, clock=FakeClock(NOON))
    found = erase(plain, twin, "m", _WHO, False, 0.0)
    assert found.rows == 2
    assert dry == erase(_compactor(journal), journal, "m", _WHO, False, 0.0) == found
    assert b"c-10" not in _texts(journal)
    assert b"c-11" in _texts(journal)
    assert len(set(objects) - set(_objects(journal))) > 0
    assert _seen(journal) == _seen(twin)
    _compactor(journal).run_once()
    assert len(_objects(journal)) == len(objects)
    assert _here(journal) == _here(journal, _TODAY)
    assert _seen(journal) == _seen(twin)
    assert erase(_compactor(journal), journal, "m", _WHO, False, 0.0) == Erased()


def test_an_outage_in_the_middle_of_it_is_told(journal: Path) -> None:
    """What is not taken out is, by the next call."""
    _compactor(journal).run_once()
    left = [2]

    def fail(step: str) -> None:
        left[0] -= step == "removed"
        if not left[0]:
            _away(journal)
            left[0] = 99

    with pytest.raises(Unavailable, match=r"Not all of it is erased: run it again .* can't be reached"):
        Eraser(journal, "m", _WHO, checkpoint=fail).run()
    _back(journal)
    erase(_compactor(journal), journal, "m", _WHO, False, 0.0)
    assert b"c-10" not in _texts(journal)
    assert Journal(journal).rows_table(Query("m")).num_rows == 3 * 8 - 1


def test_killed_in_the_middle_of_it_the_next_does_the_rest(base: Path, tmp_path: Path) -> None:
    """Killed with SIGKILL at any step."""
    who = {"city": candidates("Anntown")}
    steps: list[str] = []
    whole = shutil.copytree(base, tmp_path / "whole") / "journal"
    _compactor(whole).run_once()
    Eraser(whole, "m", who, checkpoint=steps.append).run()
    assert set(steps) == {"written", "placed", "removed"}
    job = f"""(
        Compactor(folder / "journal", {_ARCHIVE}).run_once(),
        Eraser(folder / "journal", "m", {{"city": {{"Anntown"}}}}, checkpoint=checkpoint).run(),
    )"""
    for folder in killed(_IMPORTS, job, base, len(steps), tmp_path):
        erase(_compactor(folder / "journal"), folder / "journal", "m", who, False, 0.0)
        assert b"Anntown" not in _texts(folder / "journal"), folder.name
        assert _counts(folder / "journal") == [1, 1, 1], folder.name


def test_without_an_archive_nothing_of_it_is_loaded(journal: Path) -> None:
    """Neither fsspec nor PyArrow's file systems."""
    code = (
        "import json, sys; from pathlib import Path; from cuelight.journal.compactor import Compactor;"
        "from cuelight.journal.query import Journal, Query; folder = Path(sys.argv[1]); Compactor(folder).run_once();"
        "Journal(folder).requests_table(Query('m'));"
        "print(json.dumps([name for name in ('fsspec', 'cuelight.kit.place') if name in sys.modules]))"
    )
    found = subprocess.run([sys.executable, "-c", code, str(journal)], check=True, capture_output=True, timeout=60)
    assert json.loads(found.stdout) == []


def _moved(journal: Path) -> Path:
    """Yesterday's and the day before's files go to one archive, which is lost; another one takes its place."""
    _compactor(journal, days=7).run_once()
    _away(journal)
    (other := journal.parent / "other").mkdir()
    return other


def test_an_archive_of_before_that_is_gone_stops_nothing(journal: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What it holds stays here as well; it is no outage of the one that there is now, and costs no records."""
    other = _moved(journal)
    before, ended = _seen(journal), [path for path in _here(journal) if _TODAY not in str(path)]
    clock = FakeClock(NOON + _DAY)
    compactor = Compactor(journal, clock=clock, archive=Terms(str(other), 0.0, 1))
    for _ in range(3):
        compactor.run_once()
        clock.advance(1)
    assert "are deleted for good" not in caplog.text
    assert caplog.text.count("What is there is kept here as well") == 1
    assert _here(journal) == ended  # today's of then are in the other one
    assert {path.parts[-3] for path in other.rglob("*.parquet")} == {f"date={_TODAY}"}
    assert _seen(journal) == before


def test_an_archive_of_before_that_is_gone_holds_up_no_other_day(journal: Path) -> None:
    """Days past retention whose objects can't be reached wait; those of the archive that there is now go."""
    other = _moved(journal)
    clock = FakeClock(NOON + _DAY)
    Compactor(journal, clock=clock, archive=Terms(str(other))).run_once()
    late = Compactor(journal, clock=clock)
    clock.advance(100 * _DAY)
    late.run_once()
    assert list(other.rglob("*.parquet")) == []
    assert {path.name for path in journal.glob("*/*/.date=*")} == {".date=2023-11-13", ".date=2023-11-14"}
    _back(journal)
    clock.advance(70)
    late.run_once()
    assert not list(journal.glob("*/*/.date=*"))


def test_a_clock_that_is_set_back_delays_nothing(journal: Path) -> None:
    """An archive that did not answer is asked again, though that moment is far away."""
    clock = FakeClock(NOON + 10 * _DAY)
    compactor = Compactor(journal, clock=clock, archive=Terms(str(journal.parent / "archive")))
    _away(journal)
    compactor.run_once()
    _back(journal)
    clock.advance(-10 * _DAY)
    assert "files archived" in compactor.run_once()


def test_days_that_a_wrong_clock_made_old_are_given_back(journal: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Stores refuse whoever's clock is wrong: what waited for them then is not deleted once it is right."""
    _compactor(journal, days=1.5).run_once()
    clock = FakeClock(NOON + 1000 * _DAY)
    compactor = Compactor(journal, clock=clock, archive=Terms(str(journal.parent / "archive"), 1.5))
    for path in _here(journal, _TODAY):
        path.unlink()  # what is only here is not safe from it
    before, objects = _rows(journal), _objects(journal)
    _away(journal)
    compactor.run_once()
    assert {path.name for path in journal.glob("*/model=m/*date=*")} == {".date=2023-11-13", ".date=2023-11-14"}
    clock.advance(-1000 * _DAY)
    _back(journal)
    compactor.run_once()
    assert (_rows(journal), _objects(journal)) == (before, objects)
    assert caplog.text.count("is not old enough: look at the clock") == 6


def _rows(journal: Path) -> list[Any]:
    found: list[Any] = Journal(journal).rows_table(Query("m")).to_pylist()
    return found
