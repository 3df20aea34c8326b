from __future__ import annotations

from pathlib import Path
from typing import Any

from cuelight.journal.compactor import Compactor
from cuelight.journal.pairs import Pairs
from cuelight.journal.record import Label, Prediction, Record
from cuelight.kit.clock import FakeClock
from tests.support.journal import NOON, prediction, schema, write

_DAY = 86_400
_TWO = [{"x": 1.0, "city": "Oslo"}, {"x": 2.0, "city": "Rome"}]


def _shadow(number: int, version: int = 2, **changes: Any) -> Prediction:
    """What the version in Staging says to request `number`."""
    fields: dict[str, Any] = {"track": "Staging", "arm": "shadow", "version": version, "digest": f"d{version}"}
    return prediction(number, **(fields | changes))


def _pairs(folder: Path, *records: Record, since: float = 0.0) -> Pairs:
    write(folder, *records, schemas=(schema(1), schema(2), schema(3)))
    Compactor(folder, clock=FakeClock(NOON)).run_once()
    return Pairs(folder, "m", since)


def test_rows_of_the_same_prediction_are_beside_each_other(tmp_path: Path) -> None:
    """By id and row, the newest first; with the label where one has come."""
    shares = {"classes": ["a", "b"], "values": [[0.9, 0.1], [0.2, 0.8]]}
    pairs = _pairs(
        tmp_path,
        prediction(0, rows=_TWO, predictions=["a", "a"]),
        _shadow(0, rows=_TWO, predictions=["a", "b"], probabilities=shares),
        Label(NOON + 9, "m", "p0", 1, "b"),
        prediction(1, predictions=["b"]),
        _shadow(1, predictions=["b"]),
    )
    found = pairs.rows(1, 2, most=10).to_pylist()
    kept = ("prediction_id", "row", "old.output.prediction", "new.output.prediction", "new.output.proba.b", "label")
    assert [tuple(each[name] for name in kept) for each in found] == [
        ("p1", 0, "b", "b", None, None),
        ("p0", 0, "a", "a", 0.1, None),
        ("p0", 1, "a", "b", 0.8, '"b"'),
    ]
    assert not any("input" in name for name in found[0])


def test_without_any_label_there_is_no_such_column(tmp_path: Path) -> None:
    """And what neither was asked has no rows."""
    pairs = _pairs(tmp_path, prediction(0), _shadow(0))
    assert "label" not in pairs.rows(1, 2, most=10).column_names
    assert pairs.rows(1, 3, most=10).num_rows == pairs.requests(3, 2, most=10).num_rows == 0


def test_what_only_one_of_them_answered_makes_no_row(tmp_path: Path) -> None:
    """A failure of the shadow is among the requests; what was not mirrored, and a canary's, is nowhere."""
    pairs = _pairs(
        tmp_path,
        prediction(0, latency_ms=1.0),
        _shadow(0, status=500, error="It failed.", latency_ms=3.0),
        prediction(1),
        _shadow(2, arm="canary"),
        prediction(3, status=500),
    )
    assert pairs.rows(1, 2, most=10).num_rows == 0
    assert pairs.requests(1, 2, most=10).to_pylist() == [
        {"time": NOON, "prediction_id": "p0", "old_ms": 1.0, "new_ms": 3.0, "status": 500, "error": "It failed."}
    ]


def test_the_latest_pair_of_versions_is_the_first(tmp_path: Path) -> None:
    """By when the shadow was asked last, over days."""
    pairs = _pairs(
        tmp_path,
        *(prediction(0), _shadow(0, 2), prediction(9), _shadow(9, 3)),
        *(prediction(_DAY), _shadow(_DAY, 2)),
    )
    assert list(dict.fromkeys(pairs.versions())) == [(1, 2), (1, 3)]
    assert list(Pairs(tmp_path, "m", NOON + 2 * _DAY).versions()) == list(Pairs(tmp_path, "other").versions()) == []
    assert list(Pairs(tmp_path, "m", NOON + _DAY).versions()) == [(1, 2)]


def test_what_was_asked_before_midnight_and_mirrored_after_it_is_a_pair(tmp_path: Path) -> None:
    """The two are in files of different days."""
    last = _DAY // 2 - 1
    pairs = _pairs(tmp_path, prediction(last), _shadow(last, time=NOON + last + 2))
    assert list(pairs.versions()) == [(1, 2)]
    assert pairs.requests(1, 2, most=1).num_rows == pairs.rows(1, 2, most=1).num_rows == 1


def test_the_newest_are_read_back_over_days(tmp_path: Path) -> None:
    """So many, and no more; `since` is included."""
    numbers = [0, 1, _DAY, _DAY + 1, 3 * _DAY]
    records = [each for number in numbers for each in (prediction(number), _shadow(number))]
    pairs = _pairs(tmp_path, *records)
    for count in range(1, 6):
        expected = [f"p{number}" for number in reversed(numbers)][:count]
        assert pairs.requests(1, 2, most=count)["prediction_id"].to_pylist() == expected
        assert pairs.rows(1, 2, most=count)["prediction_id"].to_pylist() == expected
    recent = Pairs(tmp_path, "m", NOON + _DAY + 1).rows(1, 2, most=9)
    assert recent["prediction_id"].to_pylist() == [f"p{3 * _DAY}", f"p{_DAY + 1}"]


def test_answers_of_nothing_but_nulls_are_read(tmp_path: Path) -> None:
    """Such a version's files have no column of answers."""
    pairs = _pairs(tmp_path, prediction(0, predictions=[1.0]), _shadow(0, predictions=[None]))
    (row,) = pairs.rows(1, 2, most=9).to_pylist()
    assert row["old.output.prediction"] == 1.0
    assert "new.output.prediction" not in row
