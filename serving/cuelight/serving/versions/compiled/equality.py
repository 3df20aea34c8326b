"""When two answers are the same."""

from __future__ import annotations

from typing import Any

import numpy as np

# Relative to the largest answer: a sum of products in another order may differ in the last bits.
TOLERANCE = 1e-10


def equal(one: Any, two: Any) -> bool:
    """The same answers, in the same form: labels to the bit, numbers within `TOLERANCE` of the largest."""
    if type(one) is not type(two) or list(getattr(one, "columns", ())) != list(getattr(two, "columns", ())):
        return False
    if isinstance(one, dict):
        return list(one) == list(two) and all(equal(each, two[name]) for name, each in one.items())
    first, second = np.asarray(one), np.asarray(two)
    if first.shape != second.shape or first.dtype != second.dtype:
        return False
    if first.dtype.kind != "f":
        return bool(np.array_equal(first, second))
    scale = float(np.max(np.abs(first), initial=0.0, where=np.isfinite(first)))
    with np.errstate(invalid="ignore"):  # infinities of the same sign are equal: logarithms of no probability are
        near = np.abs(first - second) <= TOLERANCE * scale
    return bool(np.all(near | (first == second)))
