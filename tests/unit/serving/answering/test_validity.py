"""What is a prediction, and what is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from cuelight.serving.answering.validity import is_valid


@pytest.mark.parametrize(
    "values",
    [
        np.array([1.0, 2.0]),
        np.array([[1.0], [2.0]], dtype=np.float32),
        np.array([1, 2]),
        np.array(["a", "b"]),
        np.array(["a", 1.5], dtype=object),
        ["a", "b"],
        [1.0, 2.0],
        pd.DataFrame({"p": [1.0], "c": ["x"]}),
        pd.Series([1.0]),
        np.array([]),
    ],
)
def test_a_value_in_every_place_is_valid(values: Any) -> None:
    """In whatever form models answer."""
    assert is_valid(values)


@pytest.mark.parametrize(
    "values",
    [
        np.array([1.0, np.nan]),
        np.array([[1.0], [np.inf]]),
        np.array([None, "a"], dtype=object),
        np.array([float("nan"), "a"], dtype=object),
        [1.0, float("nan")],
        ["a", None],
        pd.DataFrame({"p": [1.0], "c": [None]}),
        pd.Series([float("nan")]),
    ],
)
def test_what_is_no_value_makes_it_invalid(values: Any) -> None:
    """NaN, infinity, nothing at all: in any place."""
    assert not is_valid(values)
