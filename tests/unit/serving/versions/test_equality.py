"""Two answers are the same: labels to the bit, numbers within the tolerance, and in the same form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from cuelight.serving.versions.compiled import equal


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ([1.0, 2.0], [1.0, 2.0], True),
        ([1.0, 1e6], [1.0 + 1e-5, 1e6], True),
        ([1.0, 2.0], [1.0, 2.0 + 1e-6], False),
        ([1.0, 2.0], [1.0], False),
        ([1.0, 2.0], [1, 2], False),
        (["a", "b"], ["a", "b"], True),
        (["a", "b"], ["a", "c"], False),
        ([1.0, float("nan")], [1.0, float("nan")], False),
        ([1.0, float("-inf")], [1.0, float("-inf")], True),
        ([1.0, float("-inf")], [1.0, float("inf")], False),
        ([1.0, float("-inf")], [1.0, -1e300], False),
    ],
)
def test_equal_means_equal(one: list[Any], two: list[Any], same: bool) -> None:
    """Labels to the bit, numbers within the tolerance of the largest, and never of another kind or number."""
    assert equal(one, two) is same


def test_another_form_is_another_answer() -> None:
    """Frames with other names, an array for a frame, and other keys would reach callers as other JSON."""
    frame = pd.DataFrame({"a": [1.0], "b": [2.0]})
    assert equal(frame, frame.copy())
    assert not equal(frame, frame.set_axis(["x0", "x1"], axis=1))
    assert not equal(frame, frame.to_numpy())
    assert equal({"a": np.ones(2)}, {"a": np.ones(2)})
    assert not equal({"a": np.ones(2)}, {"b": np.ones(2)})
