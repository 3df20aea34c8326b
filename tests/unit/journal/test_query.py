from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from cuelight.journal import layout
from cuelight.journal.compactor import Compactor
from cuelight.journal.layout import Day
from cuelight.journal.query import Journal, Query
from cuelight.journal.record import Label, Record
from cuelight.kit.clock import FakeClock
from cuelight.protocol.signature import Column, Signature
from tests.support.journal import NOON, prediction, schema, write

_DAY = 86_400


def _journal(folder: Path, *records: Record, **options: Any) -> Journal:
    if records:
        write(folder, *records, **options)
    Compactor(folder, clock=FakeClock(NOON)).run_once()
    return Journal(folder)


def _ids(frame: Any) -> list[str]:
    return list(frame["prediction_id"])


def test_a_window_is_cut_by_each_of_its_bounds(tmp_path: Path) -> None:
    """Version, track, arm and time each leave out what they should; shadow is there only when asked for."""
    journal = _journal(
        tmp_path,
        prediction(0),
        prediction(1, version=2, digest="d2", track="Staging", arm="canary"),
        prediction(2, arm="shadow", version=2, digest="d2"),
        prediction(3 + _DAY),
        prediction(4, status=500),
        schemas=(schema(1), schema(2)),
    )
    late = "p86403"
    assert _ids(journal.rows(Query("m"))) == ["p0", "p1", late]
    assert _ids(journal.rows(Query("m", version=1))) == ["p0", late]
    assert _ids(journal.rows(Query("m", version=2))) == ["p1"]
    assert _ids(journal.rows(Query("m", track="Staging"))) == ["p1"]
    assert _ids(journal.rows(Query("m", arm="shadow"))) == ["p2"]
    assert _ids(journal.rows(Query("m", since=NOON + 1))) == ["p1", late]
    assert _ids(journal.rows(Query("m", until=NOON + 1))) == ["p0"]
    assert _ids(journal.rows(Query("m", since=NOON + _DAY, until=NOON + _DAY + 3))) == []
    assert _ids(journal.requests(Query("m", until=NOON + 9))) == ["p0", "p1", "p4"]
    assert [layout.models(tmp_path, each) for each in layout.DATASETS] == [["m"], ["m"], []]


def test_the_last_rows_are_the_newest_in_the_order_of_time(tmp_path: Path) -> None:
    """`last_rows` goes back over as many days as it takes, and no row too many."""
    times = [-1 * _DAY, 0, 1, 2, _DAY]
    write(tmp_path, *(prediction(each, prediction_id=str(each)) for each in reversed(times)))
    journal = _journal(tmp_path)
    for count in range(7):
        expected = [str(each) for each in times[max(0, 5 - count) :]]
        assert _ids(journal.rows(Query("m", last_rows=count))) == expected


def test_rows_of_a_request_are_numbered(tmp_path: Path) -> None:
    """Each row of a request has its number, its inputs and its output, next to what the request shares."""
    rows: list[dict[str, Any]] = [{"x": 1.0, "city": "Oslo"}, {"x": None, "city": None}]
    journal = _journal(tmp_path, prediction(0, rows=rows, predictions=["a", "b"]))
    assert journal.rows_table(Query("m")).to_pylist() == [
        {
            "time": NOON,
            "prediction_id": "p0",
            "row": number,
            "model": "m",
            "version": 1,
            "track": "Production",
            "arm": "champion",
            "generation": 1,
            "latency_ms": 1.5,
            "input.x": x,
            "input.city": city,
            "output.prediction": label,
        }
        for number, (x, city, label) in enumerate([(1.0, "Oslo", "a"), (None, None, "b")])
    ]


def test_versions_that_disagree_on_a_type_are_read_together(tmp_path: Path) -> None:
    """A column that was long, then double, then text reads as the type that holds what is asked for."""
    signatures = [Signature(columns=(Column("x", kind),)) for kind in ("long", "double", "string")]
    records = [
        prediction(number, rows=[{"x": value}], version=number + 1, digest=f"d{number + 1}")
        for number, value in enumerate([3, 2.5, "many"])
    ]
    journal = _journal(tmp_path, *records, schemas=[schema(i + 1, each) for i, each in enumerate(signatures)])
    kinds = {version: journal.rows(Query("m", version=version))["input.x"].dtype.name for version in (1, 2)}
    assert kinds == {1: "int64", 2: "float64"}
    assert list(journal.rows(Query("m", until=NOON + 2))["input.x"].astype(float)) == [3.0, 2.5]
    assert list(journal.rows(Query("m"))["input.x"])[2] == "many"


def test_only_the_columns_asked_for_are_read(tmp_path: Path) -> None:
    """Besides its keys a window has the columns named; one that no version has is left out."""
    journal = _journal(tmp_path, prediction(0), Label(NOON, "m", "p0", 0, 1))
    keys = ["time", "prediction_id", "row", "model"]
    assert list(journal.rows(Query("m"), columns=["input.x", "it's not there"])) == [*keys, "input.x"]
    assert list(journal.labelled(Query("m"), columns=["input.x"])) == [*keys, "input.x", "label", "label_time"]


def test_nothing_recorded_is_an_empty_window(tmp_path: Path) -> None:
    """An unknown model, or one without labels, gives no rows but the columns that all windows have."""
    journal = _journal(tmp_path, prediction(0))
    assert journal.rows(Query("other")).shape == (0, 9)
    assert list(journal.labelled(Query("m")))[-2:] == ["label", "label_time"]
    assert len(journal.labelled(Query("m"))) == len(journal.requests(Query("other"))) == 0


def test_the_last_label_of_a_row_counts(tmp_path: Path) -> None:
    """Labels may be late, come out of order, be corrected (in the same moment too) and be taken back."""
    rows = [{"x": float(i), "city": "Oslo"} for i in range(4)]
    write(tmp_path, Label(NOON + 50, "m", "p0", 0, "right"), Label(NOON + 20, "m", "p0", 1, "first"))
    write(
        tmp_path,
        prediction(0, rows=rows),
        Label(NOON + 40, "m", "p0", 0, "wrong"),
        Label(NOON + 20 * _DAY, "m", "p0", 1, "late"),
        Label(NOON + 60, "m", "p0", 2, "said"),
        Label(NOON + 61, "m", "p0", 2, None),
        Label(NOON + 70, "m", "p0", 3, "before"),
        Label(NOON + 70, "m", "p0", 3, "after"),
        Label(NOON + 70, "m", "unknown", 0, "kept"),
        Label(NOON + 70, "other", "p0", 0, "of another model"),
    )
    frame = _journal(tmp_path).labelled(Query("m"))
    assert list(zip(frame["row"], frame["label"], frame["label_time"], strict=True)) == [
        (0, "right", NOON + 50),
        (1, "late", NOON + 20 * _DAY),
        (3, "after", NOON + 70),
    ]
    assert list(frame["input.x"]) == [0.0, 1.0, 3.0]


def test_a_label_waits_for_its_prediction(tmp_path: Path) -> None:
    """A label that was compacted before the row it is about is joined as soon as the row is there."""
    journal = _journal(tmp_path, Label(NOON, "m", "p0", 0, 1))
    assert len(journal.labelled(Query("m"))) == 0
    write(tmp_path, prediction(0))
    _journal(tmp_path)
    assert len(journal.labelled(Query("m"))) == 1


def test_the_last_labelled_rows_are_counted_after_the_join(tmp_path: Path) -> None:
    """`last_rows` of labelled rows gives as many rows with labels, however many newer ones have none yet."""
    labels = [Label(NOON, "m", f"p{number}", 0, number) for number in range(3)]
    journal = _journal(tmp_path, *(prediction(number) for number in range(10)), *labels)
    assert _ids(journal.labelled(Query("m", last_rows=2))) == ["p1", "p2"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2], "int64"),
        ([1, 2.5], "float64"),
        ([True, False], "bool"),
        (["1", "b"], "str"),
        ([1, "1"], "object"),
        ([True, 1], "object"),
    ],
)
def test_labels_keep_their_type(tmp_path: Path, values: list[Any], kind: str) -> None:
    """Labels that are alike come back as what they were, and mixed ones each as it was."""
    records = [prediction(number) for number in range(2)]
    labels = [Label(NOON + 9, "m", f"p{number}", 0, value) for number, value in enumerate(values)]
    journal = _journal(tmp_path, *records, *labels)
    found = journal.labelled(Query("m"))["label"]
    assert found.dtype.name == kind
    assert list(found) == values
    assert journal.labelled_table(Query("m")).column("label").type is not None


def test_a_day_that_goes_while_it_is_read_is_passed_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Retention that deletes a day between listing and reading costs its rows, not the query."""
    journal = _journal(tmp_path, prediction(0), prediction(_DAY))
    files = Day.files

    def listing(self: Day) -> list[str]:
        found = files(self)
        if self.path.name == "date=2023-11-15":
            shutil.rmtree(self.path, ignore_errors=True)
        return found

    monkeypatch.setattr(Day, "files", listing)
    assert _ids(journal.rows(Query("m"))) == ["p86400"]


def test_a_relation_is_the_window_unread(tmp_path: Path) -> None:
    """DuckDB asks it what it likes; values and names that look like SQL are but values and names."""
    odd = "it's $since; DROP"
    signature = Signature(columns=(Column("x", "double"), Column(odd, "string")))
    records = [prediction(n, rows=[{"x": n, odd: "a"}], track="o'$arm" if n else "Production") for n in range(4)]
    journal = _journal(tmp_path, *records, schemas=[schema(1, signature)])
    query = Query("m", track="o'$arm", since=NOON, until=NOON + 3)
    found = journal.relation(query, ["input.x", f"input.{odd}"])
    assert found is not None
    assert found.columns == ["time", "prediction_id", "row", "input.x", f"input.{odd}"]
    assert found.aggregate('sum("input.x")').fetchall() == [(3.0,)]
    assert journal.relation(Query("m", id="r2")).fetchnumpy()["prediction_id"].tolist() == ["p2"]  # type: ignore[union-attr]  # it has rows
    assert journal.relation(Query("other")) is None


def test_a_window_comes_in_batches(tmp_path: Path) -> None:
    """All rows, or requests, in the order of time; none where there are none."""
    journal = _journal(tmp_path, *(prediction(number) for number in range(5)), prediction(5, status=400))
    assert journal.batches(layout.ROWS, Query("m")).read_all().column("prediction_id").to_pylist() == [
        f"p{number}" for number in range(5)
    ]
    assert journal.batches(layout.REQUESTS, Query("m")).read_all().num_rows == 6
    assert journal.batches(layout.ROWS, Query("other")).read_all().num_rows == 0
