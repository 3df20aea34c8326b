"""Whether what a model answered is a prediction at all."""

from __future__ import annotations

from typing import Any

import numpy as np


def is_valid(values: Any) -> bool:
    """Whether there is a value in every place: no NaN, no infinity, nothing missing. Arrays, lists, and data frames."""
    if hasattr(values, "columns"):
        return all(is_valid(values[name].to_numpy()) for name in values.columns)
    array = np.asarray(values)
    if array.dtype.kind in "fc":
        return bool(np.isfinite(array).all())
    if array.dtype.kind == "O":
        return all(each is not None and each == each for each in array.flat)  # what differs from itself is NaN
    return True
