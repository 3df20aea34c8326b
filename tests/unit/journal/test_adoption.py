"""A journal whose stubs are lost is made again from its archive, here a folder, and nothing is in it twice."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from cuelight.journal import layout, stubs
from cuelight.journal.adoption import Adopted, Adopter, survey
from cuelight.journal.archive import Terms
from cuelight.journal.compactor import Compactor
from cuelight.journal.erasure import erase
from cuelight.journal.query import Journal, Query
from cuelight.journal.record import Label
from cuelight.kit.clock import FakeClock
from cuelight.kit.errors import Misconfigured, Unavailable
from cuelight.protocol.redaction import candidates
from tests.support.journal import NOON, prediction, write
from tests.support.killed import killed

_DAY = 86_400
_WHO = {"city": candidates("Anntown")}


def _fill(folder: Path, day: int, numbers: range = range(4), host: str = "h") -> None:
    for number in numbers:
        at = day * _DAY + number
        city = "Anntown" if number == 1 else "Bobtown"
        rows: list[dict[str, Any]] = [{"x": float(number), "city": city}, {"x": 9.0, "city": "Oslo"}]
        write(folder, prediction(at, rows=rows), Label(NOON + at + 1, "m", f"p{at}", 0, number), host=host)


def _compactor(folder: Path, days: float = 0.0, at: float = NOON, **options: Any) -> Compactor:
    return Compactor(folder, clock=FakeClock(at), archive=Terms(str(folder.parent / "archive"), days), **options)


def _adopt(folder: Path, **options: Any) -> Adopted:
    return Adopter(folder, str(folder.parent / "archive"), lambda _: True, **options).run()


def _seen(folder: Path) -> list[Any]:
    reader, query = Journal(folder), Query("m")
    return [
        reader.rows_table(query).to_pylist(),
        reader.requests_table(query).to_pylist(),
        reader.labelled_table(query).to_pylist(),
    ]


def _names(folder: Path) -> list[str]:
    found = (path.relative_to(folder) for path in folder.glob("*/model=*/**/*") if path.is_file())
    return sorted(map(str, found))


def _objects(folder: Path) -> list[Path]:
    return sorted((folder.parent / "archive").rglob("*.parquet"))


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Two days that are only in the archive."""
    (tmp_path / "archive").mkdir()
    folder = tmp_path / "journal"
    for day in (-2, -1):
        _fill(folder, day, host=f"h{day}")
    _compactor(folder).run_once()
    assert not list(folder.rglob("*.parquet"))
    return folder


@pytest.fixture
def lost(journal: Path) -> Path:
    """The same, without all that was on the disk; what was seen there is in `seen`."""
    journal.rename(journal.with_name("before"))
    return journal


def test_a_lost_journal_is_seen_as_before(lost: Path) -> None:
    """All of it, with the names that it had; once more changes nothing."""
    before = lost.with_name("before")
    told: list[tuple[int, int]] = []
    found = _adopt(lost, tell=lambda *each: told.append(each), prove=True)
    assert found.well
    assert (found.files, found.known, found.days) == (6, 0, {"2023-11-13", "2023-11-14"})
    assert found.bytes == sum(path.stat().st_size for path in _objects(lost))
    assert told[-1] == (6, 6)
    assert _names(lost) == _names(before)
    assert _seen(lost) == _seen(before)
    marks = {path: path.stat().st_mtime_ns for path in lost.rglob(".*.away")}
    again = _adopt(lost)
    assert (again.files, again.known, again.well) == (0, 6, True)
    assert {path: path.stat().st_mtime_ns for path in lost.rglob(".*.away")} == marks
    assert _compactor(lost).run_once() == "nothing to compact"
    assert erase(_compactor(lost), lost, "m", _WHO, False, 0.0).rows == 2


def test_only_looking_makes_nothing(lost: Path) -> None:
    """The same is found."""
    assert _adopt(lost, dry_run=True).files == 6
    assert _names(lost) == []
    assert _adopt(lost).files == 6


def test_killed_anywhere_the_next_run_does_the_rest(lost: Path, tmp_path: Path) -> None:
    """And what an unkilled one does."""
    steps: list[str] = []
    (base := tmp_path / "base").mkdir()
    shutil.copytree(lost.parent / "archive", base / "archive")
    whole = shutil.copytree(base, tmp_path / "whole") / "journal"
    _adopt(whole, checkpoint=steps.append)
    assert steps == ["written", "placed"] * 6
    imports = "from cuelight.journal.adoption import Adopter"
    job = 'Adopter(folder / "journal", str(folder / "archive"), lambda _: True, checkpoint=checkpoint).run()'
    for folder in killed(imports, job, base, len(steps), tmp_path):
        assert _adopt(folder / "journal").well
        _compactor(folder / "journal").run_once()
        assert _names(folder / "journal") == _names(whole), folder.name
        assert _seen(folder / "journal")[0] == _seen(whole)[0]


def test_hosts_of_other_journals_are_left_to_them(lost: Path) -> None:
    """They are counted, by their names."""
    found = Adopter(lost, str(lost.parent / "archive"), lambda host: host == "h-1").run()
    assert (found.files, dict(found.others), found.days) == (3, {"h-2": 3}, {"2023-11-14"})
    assert layout.hosts(lost) == {"h-1"}


def test_what_retention_would_delete_is_left_in_the_archive(lost: Path) -> None:
    """By age, by bytes, and where a day is being deleted: or a lost setting would cost what is only there."""
    assert _adopt(lost, oldest="2023-11-14", dry_run=True).expired == 3
    with pytest.raises(Misconfigured, match=r"journal\.retention_bytes is 5,000: .* Raise it first"):
        _adopt(lost, most_bytes=5_000)
    assert _names(lost) == []
    (lost / "rows/model=m/.date=2023-11-13/host=h-2").mkdir(parents=True)
    found = _adopt(lost)
    assert (found.expired, found.files) == (1, 5)


def test_what_is_no_file_of_the_journal_is_passed_by(lost: Path) -> None:
    """Each with its reason; the others are taken in."""
    rows, labels = (next(path for path in _objects(lost) if f"/{name}/" in str(path)) for name in ("rows", "labels"))
    archive = lost.parent / "archive"
    digits = "0" * 16
    (rows.parent / "notes.txt").write_text("?")
    (rows.parent / f"s.v1.{digits[:12]}.{digits}.parquet").write_text("no Parquet")
    shutil.copy(labels, rows.parent / f"t.v1.{digits[:12]}.{digits}.parquet")
    (other := Path(str(rows.parent).replace("11-13", "11-12"))).mkdir(parents=True)
    shutil.copy(rows, other / rows.name)
    (archive / "rows" / "model=m" / ".half").write_text("?")
    (archive / "readme").write_text("no file of a dataset")
    found = _adopt(lost)
    assert found.files == 6
    assert not found.well
    said = {key.rpartition("/")[2]: why for key, why in found.refused.items()}
    assert said["notes.txt"] == "no file of the journal is called so"
    assert "no column version" in said[f"t.v1.{digits[:12]}.{digits}.parquet"]
    assert "its records are of another day" in said[rows.name]
    assert len(said) == 4
    (content := bytearray(rows.read_bytes()))[10] ^= 1
    rows.write_bytes(content)
    shutil.rmtree(lost)
    proved = _adopt(lost, prove=True).refused
    assert "another SHA-256" in proved[rows.relative_to(archive).as_posix()]


def test_an_archive_that_is_away_is_told(lost: Path) -> None:
    """What is done stays, and the next run goes on."""
    (lost.parent / "archive").rename(lost.parent / "away")
    with pytest.raises(Unavailable, match="can't be reached"):
        _adopt(lost)
    (lost.parent / "away").rename(lost.parent / "archive")
    left = [3]

    def fail(step: str) -> None:
        left[0] -= step == "placed"
        if not left[0]:
            raise Unavailable("cut")

    with pytest.raises(Unavailable, match="cut"):
        _adopt(lost, checkpoint=fail)
    assert _adopt(lost).known == 3


def test_a_file_that_is_here_stays(journal: Path) -> None:
    """Without its stub, as from a backup of before: the compactor archives it where it is already."""
    before, objects = _seen(journal), _objects(journal)
    for mark in journal.rglob(".*.away"):
        stub = stubs.read(mark)
        assert stub is not None
        mark.with_name(mark.name[1:].removesuffix(layout.STUB)).write_bytes(stub.place.read())
        mark.unlink()
    found = _adopt(journal)
    assert (found.files, found.known, found.well) == (0, 6, True)
    assert _seen(journal) == before
    _compactor(journal).run_once()
    assert _objects(journal) == objects
    assert _seen(journal) == before


def _copied(folder: Path, name: str) -> Path:
    """What a backup of this moment holds."""
    return shutil.copytree(folder, folder.with_name(name))


def test_a_day_that_was_merged_otherwise_is_not_there_twice(tmp_path: Path) -> None:
    """A backup has some files of a day, the archive all of it as one: what is here counts, and the rest is named."""
    (tmp_path / "archive").mkdir()
    journal = tmp_path / "journal"
    _fill(journal, -1, range(3))
    Compactor(journal, clock=FakeClock(NOON - _DAY)).run_once()
    backup = _copied(journal, "backup")
    _fill(journal, -1, range(3, 6))
    _compactor(journal).run_once()
    whole = _seen(journal)
    assert len(_objects(journal)) == 3
    restored = _copied(backup, "restored")
    part = _seen(restored)
    found = _adopt(restored)
    assert (found.files, len(found.doubled)) == (0, 3)
    assert _seen(restored) == part
    _compactor(restored).run_once()  # three small files are not merged, one day later four would be
    assert _seen(restored) == part
    for folder in restored.glob("*/model=m/date=*/host=h"):
        shutil.rmtree(folder)
    assert _adopt(restored).doubled != []
    assert len(_seen(restored)[0]) == len(whole[0])


def test_of_what_was_merged_twice_the_larger_counts(tmp_path: Path) -> None:
    """A restored day was merged and archived again: both are in the archive, each record is adopted once."""
    (tmp_path / "archive").mkdir()
    journal = tmp_path / "journal"
    _fill(journal, -1, range(4))
    Compactor(journal, clock=FakeClock(NOON - _DAY)).run_once()
    backup = _copied(journal, "backup")
    _fill(journal, -1, range(4, 9))
    _compactor(journal).run_once()
    whole = _seen(journal)
    _compactor(backup).run_once()
    assert len(_objects(journal)) == 6
    lost = tmp_path / "lost"
    found = _adopt(lost)
    assert (found.files, len(found.doubled), found.refused) == (3, 3, {})
    assert _seen(lost) == whole
    again = _adopt(lost)
    assert (again.files, again.known, len(again.doubled)) == (0, 3, 3)


def test_what_was_erased_does_not_come_back(journal: Path) -> None:
    """Stubs of a backup from before it name objects that are gone: those of after it take their place."""
    backup = _copied(journal, "backup")
    erase(_compactor(journal), journal, "m", _WHO, False, 0.0)
    _compactor(journal).run_once()
    erased = _seen(journal)
    assert len(survey(backup, str(journal.parent / "archive")).missing) > 0
    with pytest.raises(Unavailable, match="any more"):
        _seen(backup)
    found = _adopt(backup)
    assert (found.well, found.files) == (True, 6)
    assert _seen(backup) == erased
    assert "Anntown" not in str(erased)


def test_of_two_objects_of_a_file_the_one_after_erasure_counts(journal: Path) -> None:
    """The one of before it came again, by a copy of the bucket or a restored file: it is named, and not taken."""
    old = {path: path.read_bytes() for path in _objects(journal)}
    erase(_compactor(journal), journal, "m", _WHO, False, 0.0)
    _compactor(journal).run_once()
    erased = _seen(journal)
    for path, content in old.items():
        path.write_bytes(content)
    shutil.rmtree(journal)
    found = _adopt(journal)
    assert (found.files, len(found.differing)) == (6, 6)
    assert _seen(journal) == erased
    assert sorted(found.differing) == sorted(
        each.stub.key for each in survey(journal, str(journal.parent / "archive")).unknown
    )
