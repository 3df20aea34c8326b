from __future__ import annotations

import os
from pathlib import Path

import pytest

from cuelight.journal import lookup, parquet
from cuelight.journal.compactor import Compactor
from cuelight.journal.record import Label, Record
from cuelight.journal.writer import Writer
from cuelight.kit.clock import FakeClock
from cuelight.kit.identity import born, new_id
from tests.support.journal import NOON, prediction, schema, write


def _compact(folder: Path, *records: Record, host: str = "h") -> None:
    write(folder, *records, schemas=(schema(1), schema(2)), host=host)
    Compactor(folder, clock=FakeClock(NOON)).run_once()


def _label(row: int, value: object, at: float, prediction_id: str = "p0", model: str = "m") -> Label:
    return Label(NOON + at, model, prediction_id, row, value)


def test_a_prediction_is_the_same_before_and_after_it_is_compacted(tmp_path: Path) -> None:
    """In a segment that is being written, in a closed one and in Parquet: the same record, by the same host."""
    known = prediction(0, probabilities={"classes": ["a", "b"], "values": [[0.25, 0.75]]}, model="a/b", status=500)
    writer = Writer(tmp_path, "host-1", sync="none")
    writer.declare(schema())
    writer.append(prediction(1), known)
    expected = [lookup.Seen("host-1", known)]
    assert lookup.find(tmp_path, "p0") == expected
    writer.close()
    assert lookup.find(tmp_path, "p0") == expected
    Compactor(tmp_path, clock=FakeClock(NOON)).run_once()
    assert not list(tmp_path.glob("segments/*/*"))
    assert lookup.find(tmp_path, "p0") == expected
    assert lookup.find(tmp_path, "p2") == []


def test_what_a_shadow_answered_is_found_with_it(tmp_path: Path) -> None:
    """Both are under one id, wherever each of them is by now."""
    shadow = prediction(0, version=2, digest="d2", arm="shadow", track="Staging", time=NOON + 0.5)
    _compact(tmp_path, prediction(0))
    write(tmp_path, shadow, schemas=(schema(2),))
    assert [each.prediction for each in lookup.find(tmp_path, "p0")] == [prediction(0), shadow]
    Compactor(tmp_path, clock=FakeClock(NOON)).run_once()
    assert [each.prediction for each in lookup.find(tmp_path, "p0")] == [prediction(0), shadow]


def test_a_request_for_a_model_that_nobody_serves_is_found(tmp_path: Path) -> None:
    """It has an answer, though no version."""
    refused = prediction(0, model="", version=0, digest="", track="", arm="", status=404, error="Not served.")
    _compact(tmp_path, refused)
    assert [each.prediction for each in lookup.find(tmp_path, "p0")] == [refused]


def test_only_files_that_may_hold_it_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An id tells its moment: the file that was written next after it is the first one read, of that day's only."""
    monkeypatch.setattr(lookup, "_AT_ONCE", 1)
    wanted = new_id()
    moment = born(wanted)
    assert moment is not None
    for number in range(4):
        _compact(tmp_path, prediction(number, time=moment - number, prediction_id=wanted if number == 2 else new_id()))
    _compact(tmp_path, prediction(9, time=moment - 3 * 86_400))
    files = sorted(tmp_path.glob("requests/**/*.parquet"))
    for path in files:
        mine = parquet.run(
            f"SELECT count(*) AS n FROM {parquet.relation('r')} WHERE prediction_id = $id",
            {"id": wanted},
            r=[lookup._Batch([str(path)])],
        )
        assert mine is not None
        os.utime(path, (moment + 1, moment + 1) if mine.column("n")[0].as_py() else (moment - 60, moment - 60))
    read: list[int] = []
    run = parquet.run

    def counted(sql: str, values: dict[str, object], **relations: list[lookup._Batch]) -> object:
        read.append(sum(len(each.files()) for each in relations["requests"]))
        return run(sql, values, **relations)

    monkeypatch.setattr(parquet, "run", counted)
    (found,) = lookup.find(tmp_path, wanted)
    assert found.prediction.prediction_id == wanted
    assert read == [1, 1]  # the one that holds it, and one more for a shadow's
    read.clear()
    assert lookup.find(tmp_path, wanted[:-1] + ("0" if wanted[-1] != "0" else "1")) == []
    assert sum(read) == len(files) - 1


def test_the_last_label_of_each_row_counts(tmp_path: Path) -> None:
    """Compacted or fresh, by their times; one that was taken back is none, and another model's is another's."""
    _compact(tmp_path, prediction(0), _label(0, 1, 1.0), _label(1, 1, 1.0), _label(2, 1, 1.0), _label(0, 7, 9.0))
    fresh = [_label(0, 2, 2.0), _label(1, None, 2.0), _label(2, "b", 2.0), _label(3, True, 2.0, model="other")]
    write(tmp_path, *fresh, _label(0, 5, 3.0, prediction_id="p1"))
    found = lookup.labels(tmp_path, prediction(0))
    assert [(each.row, each.value, each.time, each.source) for each in found] == [
        (0, 7, NOON + 9.0, "feedback"),
        (2, "b", NOON + 2.0, "feedback"),
    ]


def test_an_empty_journal_has_nothing(tmp_path: Path) -> None:
    """No folder, no segments, no labels."""
    assert lookup.find(tmp_path / "none", "p0") == []
    assert lookup.labels(tmp_path / "none", prediction(0)) == []
