from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from cuelight.journal import layout, lookup
from cuelight.journal.compactor import Compactor
from cuelight.journal.layout import Day
from cuelight.journal.query import Journal, Query
from cuelight.journal.record import Label
from cuelight.kit.clock import FakeClock
from cuelight.protocol.signature import Column, Signature
from tests.support.journal import NOON, prediction, schema, write
from tests.support.killed import killed

_DAY = 86_400
_TWO = Signature(columns=(Column("x", "long"), Column("new", "boolean")))


def _compactor(folder: Path, at: float = NOON, **options: Any) -> Compactor:
    return Compactor(folder, clock=FakeClock(at), **options)


def _fill(folder: Path, segments: int = 6, second: bool = True) -> None:
    """Small files of one day, of one or two versions, with labels; compacted, not merged while the day goes on."""
    for number in range(segments):
        later = segments - number  # out of order
        write(
            folder,
            prediction(10 * later, rows=[{"x": 0.5, "city": "Oslo"}, {"x": None, "city": None}]),
            *([prediction(10 * later + 1, rows=[{"x": number, "new": True}], version=2, digest="d2")] * second),
            Label(NOON + 999, "m", f"p{10 * later}", 0, number),
            Label(NOON + 999, "m", "p10", 1, f"said {number}"),
            schemas=(schema(1), schema(2, _TWO)),
        )
    _compactor(folder).run_once()


def _seen(folder: Path) -> list[Any]:
    """What readers see: rows, requests, labels joined."""
    journal, query = Journal(folder), Query("m")
    tables = journal.rows_table(query), journal.requests_table(query), journal.labelled_table(query)
    return [table.to_pylist() for table in tables]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and "=" in str(path.relative_to(folder)))


def test_the_small_files_of_an_ended_day_become_one(tmp_path: Path) -> None:
    """One for each version and dataset; readers see the same as before, and nothing else is left."""
    _fill(tmp_path)
    before = _seen(tmp_path)
    assert [len(each) for each in before] == [18, 12, 7]
    assert len(_files(tmp_path)) == 6 * 5
    assert _compactor(tmp_path, NOON + _DAY).run_once() == "small files merged into 5"
    assert len(_files(tmp_path)) == 5
    assert _seen(tmp_path) == before
    assert _compactor(tmp_path, NOON + _DAY).run_once() == "nothing to compact"


def test_each_row_is_seen_once_wherever_it_is_killed(tmp_path: Path) -> None:
    """Killed with SIGKILL at any step of a merge, readers see all rows once, at once and after the next run."""
    _fill(tmp_path / "base", segments=4, second=False)
    expected = _seen(tmp_path / "base")
    shutil.copytree(tmp_path / "base", tmp_path / "whole")
    steps: list[str] = []
    _compactor(tmp_path / "whole", NOON + _DAY, checkpoint=steps.append).run_once()
    assert set(steps) == {"claimed", "written", "placed", "source-deleted", "merged"}
    imports = "from cuelight.journal.compactor import Compactor; from cuelight.kit.clock import FakeClock"
    job = f"Compactor(folder, clock=FakeClock({NOON + _DAY}), checkpoint=checkpoint).run_once()"
    for folder in killed(imports, job, tmp_path / "base", len(steps), tmp_path):
        assert _seen(folder) == expected, folder.name
        _compactor(folder, NOON + _DAY).run_once()
        assert _seen(folder) == expected, folder.name
        assert len(_files(folder)) == 3, folder.name


def test_readers_see_each_row_once_at_every_step(tmp_path: Path) -> None:
    """Also those who listed the files before the step, and read them after it."""
    _fill(tmp_path, segments=4, second=False)
    expected, seen = _seen(tmp_path), list[str]()

    def look(step: str) -> None:
        seen.append(step)
        assert _seen(tmp_path) == expected, step
        assert [each.prediction.prediction_id for each in lookup.find(tmp_path, "p10")] == ["p10"]

    _compactor(tmp_path, NOON + _DAY, checkpoint=look).run_once()
    assert "source-deleted" in seen


def test_a_merge_between_listing_and_reading_is_no_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was listed and is gone is listed anew."""
    _fill(tmp_path)
    expected, files, merged = _seen(tmp_path), Day.files, list[str]()

    def listing(self: Day) -> list[str]:
        found = files(self)
        if not merged:
            merged.append(_compactor(tmp_path, NOON + _DAY).run_once())
        return found

    monkeypatch.setattr(Day, "files", listing)
    assert _seen(tmp_path) == expected
    assert merged == ["small files merged into 5"]


def test_a_merge_while_files_are_listed_is_no_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing that saw neither the merged file nor what it is made of is done again."""
    _fill(tmp_path)
    expected, listed, merged = _seen(tmp_path), Day._listed, list[str]()

    def listing(self: Day) -> list[Path]:
        found = listed(self)
        if not merged:
            merged.append(_compactor(tmp_path, NOON + _DAY).run_once())
            return found[:1]
        return found

    monkeypatch.setattr(Day, "_listed", listing)
    assert _seen(tmp_path) == expected


def test_what_may_be_compacted_anew_is_not_merged(tmp_path: Path) -> None:
    """The files of a segment that is still there are left, or its rows would be there twice."""
    _fill(tmp_path)
    write(tmp_path, prediction(0))
    (waiting,) = tmp_path.glob("segments/h/*")
    kept = waiting.read_bytes()
    _compactor(tmp_path).run_once()
    expected = _seen(tmp_path)

    def come_back(step: str) -> None:
        if step == "claimed":
            waiting.with_suffix(".open").write_bytes(kept)  # killed before it was deleted, and not claimed yet

    _compactor(tmp_path, NOON + _DAY, checkpoint=come_back).run_once()
    assert [path.name for path in tmp_path.glob("rows/**/*.parquet") if path.name.startswith(waiting.stem + ".v")]
    _compactor(tmp_path, NOON + _DAY).run_once()
    assert _seen(tmp_path) == expected


def test_types_are_not_widened(tmp_path: Path) -> None:
    """Files whose columns differ in type stay apart, each with its own."""
    for number in range(6):
        write(tmp_path, prediction(number, predictions=[number if number % 2 else "text"]))
    _compactor(tmp_path, NOON + _DAY).run_once()
    kinds = {str(pq.read_schema(path).field("output.prediction").type) for path in tmp_path.glob("rows/**/*.parquet")}
    assert kinds == {"int64", "string"}
    assert len(list(tmp_path.glob("rows/**/*.parquet"))) == 2


def test_what_is_no_parquet_is_passed_by(tmp_path: Path) -> None:
    """One broken file stops no other."""
    _fill(tmp_path)
    rows = sorted(tmp_path.glob("rows/**/*.v1.*.parquet"))
    rows[0].write_bytes(b"broken")
    assert _compactor(tmp_path, NOON + _DAY).run_once() == "small files merged into 5"
    left = list(tmp_path.glob("rows/**/*.v1.*.parquet"))
    assert rows[0] in left
    assert len(left) == 2


def test_a_file_is_in_the_order_of_time(tmp_path: Path) -> None:
    """Rows that came out of order are sorted, and the labels of one moment keep theirs."""
    _fill(tmp_path)
    frame = Journal(tmp_path).labelled(Query("m"))
    counted = dict(zip(zip(frame["prediction_id"], frame["row"], strict=True), frame["label"], strict=True))
    _compactor(tmp_path, NOON + _DAY).run_once()
    (path,) = tmp_path.glob("rows/**/*.v1.*.parquet")
    times = pq.read_table(path)["time"].to_pylist()
    assert times == sorted(times)
    (path,) = tmp_path.glob("labels/**/*.parquet")
    said = pq.read_table(path).to_pylist()
    assert {(each["prediction_id"], each["row"]): json.loads(each["label"]) for each in said} == counted
    assert [each["position"] for each in said] == list(range(12))


def test_a_day_that_goes_on_is_merged_when_its_files_are_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And again, when there are as many small ones by then."""
    monkeypatch.setattr("cuelight.journal.merging._MANY", 6)
    _fill(tmp_path, segments=5)
    assert len(list(tmp_path.glob("rows/**/*.v1.*.parquet"))) == 5
    _fill(tmp_path, segments=5)
    assert len(list(tmp_path.glob("rows/**/*.v1.*.parquet"))) == 1
    assert layout.days(tmp_path, layout.ROWS, "m", 1)[0].files() == [
        str(path) for path in tmp_path.glob("rows/**/*.v1.*.parquet")
    ]
