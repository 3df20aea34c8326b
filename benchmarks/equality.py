"""Whether two lists of predictions are the same: labels exactly, floats within 1e-9 of the largest. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

TOLERANCE = 1e-9


def same(ones: Sequence[Any], others: Sequence[Any]) -> bool:
    """Equal in number, and each in value."""
    if len(ones) != len(others):
        return False
    if not any(isinstance(each, float) for each in others):
        return list(ones) == list(others)
    first, second = np.asarray(ones, dtype=np.float64), np.asarray(others, dtype=np.float64)
    return bool(np.all(np.abs(first - second) <= TOLERANCE * max(1.0, float(np.abs(second).max(initial=0.0)))))
