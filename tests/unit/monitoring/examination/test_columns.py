from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from cuelight.monitoring.examination.columns import Kind, kind_of, numbers, pair, texts, watched


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.arange(50), Kind.NUMERIC),
        (np.arange(50, dtype="uint8"), Kind.NUMERIC),
        (pd.array(range(50), dtype="Int64"), Kind.NUMERIC),
        (pd.array(np.arange(50) / 2, dtype="double[pyarrow]"), Kind.NUMERIC),
        (np.arange(50) % 3, Kind.CATEGORICAL),
        (np.arange(50) % 2 == 0, Kind.CATEGORICAL),
        (["a", "b"] * 25, Kind.CATEGORICAL),
        (pd.Categorical(["a", "b"] * 25), Kind.CATEGORICAL),
        (pd.array(["a", "b"] * 25, dtype="string[pyarrow]"), Kind.CATEGORICAL),
        (pd.date_range("2026-01-01", periods=50), None),
        ([[1]] * 50, None),
        ([None] * 50, None),
        ([np.nan] * 50, None),
        ([np.inf] * 50, None),
    ],
)
def test_every_type_has_its_test(values: Any, kind: Any) -> None:
    """Numbers of any width are numeric, few levels and text are categorical, and what has no test is None."""
    assert kind_of(pd.Series(values)) is kind


def test_one_value_has_one_spelling() -> None:
    """1, 1.0 and True are the same level, so a float column read back from the journal does not drift by its type."""
    spelled = {tuple(texts(pd.Series(values))) for values in ([1, 0], [1.0, 0.0], [True, False])}
    assert spelled == {("1", "0")}


def test_nulls_and_infinities_are_not_values() -> None:
    """Null, NaN and infinity become NaN among numbers and code -1 among levels."""
    assert np.isnan(numbers(pd.Series([np.nan, np.inf, -np.inf]))).all()
    column = pair("x", Kind.CATEGORICAL, pd.Series(["a", None]), pd.Series(["b", np.nan], dtype=object))
    assert column.reference[1] == column.current[1] == -1
    assert column.levels == ("a", "b")


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (["b", "a", None], "str"),
        (["b", "c", None], "category"),
        (["b", True, None], object),
        ([["b"], ["b"], None], object),
    ],
)
def test_levels_have_one_code_on_both_sides(values: list[Any], dtype: Any) -> None:
    """Levels are text, whatever type the window holds them in, lists too; new ones come after the reference's."""
    column = pair("x", Kind.CATEGORICAL, pd.Series(["a", "b", "a"]), pd.Series(values, dtype=dtype))
    spelled = [None if code < 0 else column.levels[code] for code in column.current]
    assert spelled == [None if each is None else str(each) for each in values]
    assert column.levels[:2] == ("a", "b")


def test_numbers_are_not_copied_in_vain() -> None:
    """A column of a million finite numbers is the table's own memory; a window of all columns is not held twice."""
    values = np.arange(50.0)
    assert np.shares_memory(numbers(pd.Series(values, copy=False)), values)


def test_labels_are_not_watched() -> None:
    """What the model got and answered is compared; the label, ids and times are not."""
    assert watched(["time", "input.a", "label", "output.prediction", "row"]) == ["input.a", "output.prediction"]
