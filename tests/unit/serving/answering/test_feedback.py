from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuelight.kit.errors import BadInput, TooLarge
from cuelight.serving.answering.feedback import read_labels


def _read(document: Any) -> list[tuple[str, int, Any]]:
    return [(each.prediction_id, each.row, each.value) for each in read_labels("m", json.dumps(document).encode())]


def test_one_label_or_many_are_read() -> None:
    """A label by itself, or a list of them; the first row where none is named; values keep their type."""
    assert _read({"prediction_id": "p", "label": 1.5}) == [("p", 0, 1.5)]
    labels = [{"prediction_id": "p", "row": row, "label": label} for row, label in enumerate([1, "x", True, 0.5])]
    assert _read({"labels": labels}) == [("p", 0, 1), ("p", 1, "x"), ("p", 2, True), ("p", 3, 0.5)]
    assert {type(value) for _, _, value in _read({"labels": labels})} == {int, str, bool, float}
    assert read_labels("m", b'{"prediction_id": "p", "label": 1}')[0].model == "m"


@pytest.mark.parametrize(
    "document",
    [
        [],
        5,
        {},
        {"labels": []},
        {"labels": {}},
        {"labels": [5]},
        {"label": 1},
        {"prediction_id": "", "label": 1},
        {"prediction_id": "p" * 65, "label": 1},
        {"prediction_id": 5, "label": 1},
        {"prediction_id": "p"},
        {"prediction_id": "p", "label": None},
        {"prediction_id": "p", "label": [1]},
        {"prediction_id": "p", "label": 1, "row": -1},
        {"prediction_id": "p", "label": 1, "row": 1.0},
        {"prediction_id": "p", "label": 1, "row": True},
        {"prediction_id": "p", "label": 1, "row": 2**31},
        {"labels": [{"prediction_id": "p", "label": 1}, {"prediction_id": "p"}]},
    ],
)
def test_a_label_that_is_wrong_refuses_all(document: Any) -> None:
    """Nothing of a request is taken if one label of it is wrong."""
    with pytest.raises(BadInput):
        _read(document)


def test_too_many_labels_are_refused() -> None:
    """Ten thousand are taken, one more is not."""
    labels = [{"prediction_id": "p", "label": 1}] * 10_001
    assert len(_read({"labels": labels[1:]})) == 10_000
    with pytest.raises(TooLarge):
        _read({"labels": labels})


def test_a_label_may_name_its_row_by_a_key() -> None:
    """A whole number or a text, of the column that the model has for it; in a list beside labels by id."""
    labels = [{"key": 4711, "label": 1}, {"key": "A-1", "label": "x"}, {"prediction_id": "p", "label": 2}]
    found = read_labels("m", json.dumps({"labels": labels}).encode(), "order_id")
    assert [(each.key_column, each.key, each.prediction_id) for each in found] == [
        ("order_id", "4711", ""),
        ("order_id", "A-1", ""),
        ("", "", "p"),
    ]


@pytest.mark.parametrize(
    ("entry", "column", "says"),
    [
        ({"key": 1, "label": 1}, "", "set cuelight.key on the registered model"),
        ({"key": 1, "prediction_id": "p", "label": 1}, "order_id", "both a key and a prediction_id"),
        ({"key": 1, "row": 0, "label": 1}, "order_id", "both a key and a prediction_id"),
        ({"key": True, "label": 1}, "order_id", "whole number or a text"),
        ({"key": 1.5, "label": 1}, "order_id", "whole number or a text"),
        ({"key": "", "label": 1}, "order_id", "whole number or a text"),
        ({"key": "x" * 257, "label": 1}, "order_id", "at most 256"),
    ],
)
def test_a_key_that_is_wrong_is_refused(entry: dict[str, Any], column: str, says: str) -> None:
    """With what to do."""
    with pytest.raises(BadInput, match=says):
        read_labels("m", json.dumps(entry).encode(), column)


@given(st.binary(max_size=100))
def test_any_bytes_are_labels_or_refused(body: bytes) -> None:
    """No body makes it fail in another way."""
    with contextlib.suppress(BadInput):
        assert read_labels("m", body)
