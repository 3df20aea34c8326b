"""Evidently's defaults (0.7), without Evidently: on arrays, thousands of windows take minutes and not days.

Its documentation, "Data drift algorithm": up to 1,000 rows of the reference a test at 0.05 (Kolmogorov-Smirnov; for
few values chi-square, for two the z-test of proportions), above it a distance at 0.1 (Wasserstein's, by the
reference's standard deviation; Jensen-Shannon's for few values). The data set has drifted from half the columns on.
A test holds this against the library.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from scipy import stats
from scipy.spatial import distance

from cuelight.monitoring.examination.columns import Codes, Column, Floats, Kind

SHARE = 0.5
_SMALL, _FEW_VALUES = 1_000, 5
_P, _DISTANCE = 0.05, 0.1


def flags(columns: Sequence[Column]) -> list[bool]:
    """Which of them Evidently calls drifted."""
    return [flagged(column) for column in columns]


def flagged(column: Column) -> bool:
    """Whether the default test of this column passes its default threshold."""
    method, value = score(column)
    return value >= _DISTANCE if method in ("wasserstein", "jensenshannon") else value <= _P


def score(column: Column) -> tuple[str, float]:
    """The default test's name and what it gives: a p-value or a distance."""
    before, now = (side[column.present(side)] for side in (column.reference, column.current))
    values, few = _values(column, before, now)
    if few:
        return ("jensenshannon", _jensen_shannon(*values)) if len(before) > _SMALL else _categories(*values)
    if len(before) > _SMALL:
        norm = max(float(np.std(before)), 0.001)
        return "wasserstein", float(stats.wasserstein_distance(before, now)) / norm
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # that the exact p-value gave way to the asymptotic one
        return "ks", float(stats.ks_2samp(before, now).pvalue)


def _values(column: Column, before: Floats | Codes, now: Floats | Codes) -> tuple[tuple[Codes, Codes], bool]:
    """Counts of both sides by value, and whether it is these that are tested."""
    if column.kind is Kind.NUMERIC and len(np.unique(before)) > _FEW_VALUES:
        return (np.empty(0, np.int64), np.empty(0, np.int64)), False
    known, codes = np.unique(np.concatenate([before, now]), return_inverse=True)
    counts = np.bincount(codes[: len(before)], minlength=len(known)), np.bincount(codes[len(before) :])
    few = column.kind is Kind.CATEGORICAL or len(known) <= _FEW_VALUES
    return (counts[0], np.pad(counts[1], (0, len(known) - len(counts[1])))), few


def _jensen_shannon(before: Codes, now: Codes) -> float:
    return float(distance.jensenshannon(before / before.sum(), now / now.sum()))


def _categories(before: Codes, now: Codes) -> tuple[str, float]:
    if len(before) <= 2:
        return "z", _z(before, now)
    with np.errstate(divide="ignore"):
        expected = before * (now.sum() / before.sum())
        return "chisquare", float(stats.chisquare(now, expected).pvalue)


def _z(before: Codes, now: Codes) -> float:
    if len(before) == 1:
        return 1.0
    n, m = before.sum(), now.sum()
    first, second, both = before[1] / n, now[1] / m, (before[1] + now[1]) / (n + m)
    z = (first - second) / np.sqrt(both * (1 - both) * (1 / n + 1 / m))
    return float(2 * (1 - stats.norm.cdf(abs(z))))
