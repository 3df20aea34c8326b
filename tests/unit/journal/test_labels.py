from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuelight.journal.compactor import Compactor
from cuelight.journal.labels import unknown
from cuelight.journal.lookup import labels
from cuelight.journal.query import Journal, Query
from cuelight.journal.record import Label, Prediction, Record
from cuelight.kit.clock import FakeClock
from cuelight.protocol.signature import Column, Signature
from tests.support.journal import NOON, prediction, schema, write

Found = list[tuple[str, int, Any]]


def _order(number: int, *orders: Any, **changes: Any) -> Prediction:
    return prediction(number, rows=[{"order": each} for each in orders], **changes)


def _truth(number: float, key: str, value: Any, column: str = "order") -> Label:
    return Label(NOON + number, "m", "", 0, value, key_column=column, key=key)


def _journal(folder: Path, *records: Record, kind: str = "long") -> Journal:
    signature = Signature(columns=(Column("order", kind),))
    if records:
        write(folder, *records, schemas=(schema(1, signature), schema(2, signature)))
    Compactor(folder, clock=FakeClock(NOON)).run_once()
    return Journal(folder)


def _found(journal: Journal, **query: Any) -> Found:
    frame = journal.labelled(Query("m", **query))
    return list(zip(frame["prediction_id"], frame["row"], frame["label"], strict=True))


@pytest.mark.parametrize(
    ("kind", "values", "keys"),
    [
        ("long", [4711, 7], ["4711", "7"]),
        ("double", [4711.0, 7.5], ["4711", "7.5"]),
        ("string", ["A-4711", "007"], ["A-4711", "007"]),
        ("boolean", [True, False], ["true", "false"]),
    ],
)
def test_a_label_finds_its_row_by_the_value_of_a_column(
    tmp_path: Path, kind: str, values: list[Any], keys: list[str]
) -> None:
    """Whatever the column's type, in a request of several rows, beside labels by id."""
    asked = _order(0, *values)
    truths = [_truth(9, key, number) for number, key in enumerate(keys)]
    journal = _journal(tmp_path, asked, _order(1, *values[:1]), *truths, Label(NOON, "m", "p0", 0, 5), kind=kind)
    assert _found(journal) == [("p0", 0, 5), ("p0", 1, 1), ("p1", 0, 0)]
    assert unknown(tmp_path, "m") == []


def test_it_belongs_to_the_newest_row_before_it(tmp_path: Path) -> None:
    """Each month's label to that month's answer, in whatever order they come, and by whatever window they are read."""
    months = [_order(0, 1), _order(100, 1), _order(200, 1, version=2, digest="d2"), _order(210, 1, arm="shadow")]
    labels = [_truth(220, "1", "march"), _truth(150, "1", "february"), _truth(50, "1", "january")]
    journal = _journal(tmp_path, *months, *labels)
    all_of_them = [("p0", 0, "january"), ("p100", 0, "february"), ("p200", 0, "march")]
    assert _found(journal) == all_of_them
    assert _found(journal, until=NOON + 150) == all_of_them[:2]
    assert _found(journal, since=NOON + 60) == all_of_them[1:]
    assert _found(journal, version=1) == all_of_them[:2]
    _journal(tmp_path, _truth(151, "1", "corrected"), _truth(221, "1", None))
    assert _found(journal) == [("p0", 0, "january"), ("p100", 0, "corrected")]


def test_a_prediction_is_found_with_its_labels_by_key(tmp_path: Path) -> None:
    """The last one, as for those by id."""
    asked = _order(0, 1)
    _journal(tmp_path, asked, _order(1, 2), _truth(5, "1", "first"), _truth(6, "1", "last"), _truth(7, "2", "other"))
    assert [(each.row, each.value, each.source) for each in labels(tmp_path, asked)] == [(0, "last", "feedback")]


def test_the_later_of_a_label_by_key_and_one_by_id_counts(tmp_path: Path) -> None:
    """They are labels of one row, however they name it."""
    labels = [_truth(5, "1", "key"), Label(NOON + 6, "m", "p0", 0, "id")]
    labels += [_truth(6, "2", "key"), Label(NOON + 5, "m", "p1", 0, "id")]
    assert _found(_journal(tmp_path, _order(0, 1), _order(1, 2), *labels)) == [("p0", 0, "id"), ("p1", 0, "key")]


def test_a_label_by_key_waits_for_its_row(tmp_path: Path) -> None:
    """Compacted long before the row: it is unknown, and joined as soon as the row is there."""
    journal = _journal(tmp_path, _truth(9, "1", "yes"), _truth(9, "2", "no"), _truth(9, "1", "other", column="city"))
    assert _found(journal) == []
    assert [(each["key_column"], each["key"]) for each in unknown(tmp_path, "m")] == [
        ("order", "1"),
        ("city", "1"),
        ("order", "2"),
    ]
    _journal(tmp_path, _order(3, 1), _order(20, 2))
    assert _found(journal) == [("p3", 0, "yes")]
    assert [(each["key_column"], each["key"]) for each in unknown(tmp_path, "m")] == [("city", "1"), ("order", "2")]


def test_labels_that_belong_to_no_row_are_kept_and_named(tmp_path: Path) -> None:
    """By id or row number, the newest first; a model without labels has none."""
    assert unknown(tmp_path, "m") == []
    journal = _journal(tmp_path, _order(0, 1), Label(NOON + 1, "m", "p0", 3, "a"), Label(NOON + 2, "m", "p9", 0, "b"))
    assert [(each["prediction_id"], each["row"], each["label"]) for each in unknown(tmp_path, "m")] == [
        ("p9", 0, '"b"'),
        ("p0", 3, '"a"'),
    ]
    _journal(tmp_path, _order(9, 1))
    assert _found(journal) == [("p9", 0, "b")]


_EVENTS = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 2), st.none() | st.integers(0, 9)), min_size=1, max_size=25
)


@settings(max_examples=15, deadline=None)
@given(_EVENTS)
def test_the_join_is_that_of_its_words(events: list[tuple[int, int, int | None]]) -> None:
    """On random answers and labels of three orders: what a plain reading of the rule gives."""
    answers = {(when, key): f"p{place}" for place, (when, key, value) in enumerate(events) if value is None}
    labels = [(when, key, value) for when, key, value in events if value is not None]
    records: list[Record] = [_order(when, key, prediction_id=name) for (when, key), name in answers.items()]
    records += [_truth(when, str(key), value) for when, key, value in labels]
    expected: dict[str, int] = {}
    for when, key, value in sorted(labels, key=lambda each: each[0]):
        before = [moment for moment, order in answers if order == key and moment <= when]
        if before:
            expected[answers[max(before), key]] = value
    with tempfile.TemporaryDirectory() as folder:
        found = _found(_journal(Path(folder), *records))
    assert {name: value for name, _, value in found} == expected
