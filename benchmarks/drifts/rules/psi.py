"""The population stability index, as it is commonly used: ten bins, alarm where one column reaches 0.1 or 0.25."""

from __future__ import annotations

import numpy as np

from cuelight.monitoring.examination.columns import Codes, Column, Floats, Kind

BINS = 10
_EMPTY = 1e-4  # stands for a share of 0, whose logarithm there is not


def index(column: Column) -> float:
    """Sum of (now - before) log(now / before) over ten quantiles of the reference, or over levels."""
    before, now = shares(column)
    before, now = np.where(before > 0, before, _EMPTY), np.where(now > 0, now, _EMPTY)
    return float(((now - before) * np.log(now / before)).sum())


def shares(column: Column) -> tuple[Floats, Floats]:
    """Share of the rows in each bin, of both sides."""
    before, now = (side[column.present(side)] for side in (column.reference, column.current))
    if column.kind is Kind.NUMERIC:
        edges = np.unique(np.quantile(before, np.linspace(0, 1, BINS + 1)[1:-1]))
        before, now = (np.searchsorted(edges, side) for side in (before, now))
        return _counted(before, len(edges) + 1), _counted(now, len(edges) + 1)
    return _counted(before, len(column.levels)), _counted(now, len(column.levels))


def _counted(codes: Codes, bins: int) -> Floats:
    return np.bincount(codes, minlength=bins) / len(codes)
