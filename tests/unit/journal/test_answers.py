from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from cuelight.journal.answers import NOTHING, Classes, Labels, Numbers, outputs, paired


def _paired(**columns: list[Any]) -> Labels | Numbers:
    table = pa.table({name.replace("_", "."): values for name, values in columns.items()})
    (given,) = paired(table).values()
    return given


@pytest.mark.parametrize(
    ("old", "new", "labels"),
    [
        (["a", "b"], ["b", "b"], True),
        ([True, False], [True, True], True),
        ([1, 2], [2, 2], True),
        (list(range(21)), list(range(21)), False),
        ([1.0, 2.0], [1.5, 2.0], False),
        ([1, 2], [1.5, 2.0], False),
        ([None, None], [1.5, 2.0], False),
    ],
)
def test_what_is_a_class_is_told_by_the_answers(old: list[Any], new: list[Any], labels: bool) -> None:
    """Texts, booleans and few whole numbers; anything with fractions is a number, also beside whole ones."""
    assert isinstance(_paired(old_output_prediction=old, new_output_prediction=new), Labels) is labels


def test_classes_of_two_types_are_the_same_class() -> None:
    """A version that answers 1 agrees with one that answers "1" or true."""
    given = _paired(old_output_prediction=[0, 1], new_output_prediction=["0", "True"])
    assert given == Labels(Classes(["0", "1"]), Classes(["0", "1"]))


def test_where_probabilities_were_asked_for_the_likeliest_class_is_the_label() -> None:
    """Row by row; a row with neither has none."""
    table = pa.table(
        {
            "old.output.prediction": pa.array(["b", None, None], pa.string()),
            "old.output.proba.a": [0.9, 0.6, None],
            "old.output.proba.b": [0.1, 0.4, None],
            "new.output.proba.a": [0.3, 0.2, 0.5],
            "new.output.proba.b": [0.7, 0.8, 0.5],
        }
    )
    given = paired(table)["prediction"]
    assert isinstance(given, Labels)
    assert (given.old.labels, given.new.labels) == (["b", "a", NOTHING], ["b", "b", "a"])
    assert np.isnan(given.old.shares["a"][2])


def test_each_output_is_by_itself() -> None:
    """Several outputs, one of them only of the new version; missing numbers are NaN."""
    old, new = pa.table({"output.x": [1.5, None]}), pa.table({"output.x": [1.5, 2.0], "output.kind": ["a", "b"]})
    found = outputs(old, new)
    assert list(found) == ["x", "kind"]
    assert isinstance(found["x"], Numbers)
    assert np.array_equal(found["x"].old, [1.5, np.nan], equal_nan=True)
    assert found["kind"] == Labels(Classes([NOTHING, NOTHING]), Classes(["a", "b"]))
