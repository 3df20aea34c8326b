"""Two-sample tests on arrays: is the window drawn from the same distribution as the reference?

The same functions give the verdict, the calibration, the backtests and the values in Evidently's report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cuelight.monitoring.drift.numbers import Bools, p_value, pooled_values, split
from cuelight.monitoring.examination.columns import Codes, Column, Floats, Kind

NUMBERS, CHI_SQUARE = "Kolmogorov-Smirnov and Lepage", "chi-square"
# Cells of the contingency table that expect fewer rows than this are pooled (Cochran's rule).
LEAST_EXPECTED = 5.0


@dataclass(frozen=True)
class Comparison:
    """The outcome of one test.

    Attributes:
        test: its name.
        p_value: chance of a distance at least as large without drift.
        distance: of numbers the largest gap between the two distribution functions, of categories Cramér's V. Both
            from 0 to 1.
        score: how far apart they are on a scale that does not depend on the sample sizes when nothing drifts
            (`Split.score`; the root of chi-square); what is calibrated.
    """

    test: str
    p_value: float
    distance: float
    score: float


SAME = {
    Kind.NUMERIC: Comparison(NUMBERS, 1.0, 0.0, 0.0),
    Kind.CATEGORICAL: Comparison(CHI_SQUARE, 1.0, 0.0, 0.0),
}


def compare(column: Column) -> Comparison:
    """Test one column on all its rows that are not null; with nothing on one side there is nothing to tell apart."""
    reference = column.reference[column.present(column.reference)]
    current = column.current[column.present(column.current)]
    if not len(reference) or not len(current):
        return SAME[column.kind]
    if column.kind is Kind.NUMERIC:
        return compare_numbers(reference, current)
    return compare_codes(reference, current, frequent(reference, len(column.levels), len(current)))


def compare_numbers(reference: Floats, current: Floats) -> Comparison:
    """Kolmogorov-Smirnov's test and one of Lepage's kind; (n,) and (m,) without NaN."""
    n, m = len(reference), len(current)
    found = split(pooled_values(np.concatenate([reference, current])), np.arange(n + m) >= n)
    return Comparison(NUMBERS, p_value(found, n * m / (n + m)), found.gap, found.score)


def compare_codes(reference: Codes, current: Codes, kept: Bools) -> Comparison:
    """Pearson's chi-square test of homogeneity on the 2 x levels table; (n,) and (m,) codes without nulls.

    `kept` says which levels have a column of their own; all others, those never seen before included, share one.
    So one odd row with a new level is one row in a pool, and not a proof.
    """
    before, now = (np.bincount(side, minlength=len(kept)) for side in (reference, current))
    return compare_counts(before, now, kept)


def compare_counts(reference: Codes, current: Codes, kept: Bools) -> Comparison:
    """The chi-square test on rows per level: both (levels,); `scipy.stats` has it too, at ten times the cost."""
    from scipy import special

    table = pooled(np.stack([reference, current]), kept)
    if table.shape[1] < 2:
        return SAME[Kind.CATEGORICAL]
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    distance = float(np.sqrt(statistic / table.sum()))
    p_value = float(special.chdtrc(table.shape[1] - 1, statistic))
    return Comparison(CHI_SQUARE, p_value, distance, float(np.sqrt(statistic)))


def frequent(reference: Codes, levels: int, current_rows: int) -> Bools:
    """Levels that fill a column of the table, judged on the reference alone (the window must not choose its test)."""
    counts = np.bincount(reference, minlength=levels)
    total = max(1, len(reference))
    smaller = min(len(reference), current_rows)
    return counts * (smaller / total) >= LEAST_EXPECTED


def pooled(table: Codes, kept: Bools) -> Codes:
    """Counts with the levels that are not kept in one column, joined to the smallest kept one while it is too thin."""
    frequent_part, rest = table[:, kept], table[:, ~kept].sum(axis=1, keepdims=True)
    rows = table.sum(axis=1)
    expected = rest.sum() * rows.min() / max(1, rows.sum())
    if not rest.sum():
        return frequent_part
    if expected >= LEAST_EXPECTED or not frequent_part.shape[1]:
        return np.concatenate([frequent_part, rest], axis=1)
    smallest = int(frequent_part.sum(axis=0).argmin())
    joined = frequent_part.copy()
    joined[:, smallest] += rest[:, 0]
    return joined


def adjusted(p_values: Sequence[float]) -> Floats:
    """Benjamini-Hochberg adjusted p-values (1995): those at most q keep the false-discovery rate at q."""
    from scipy import stats

    if not len(p_values):
        return np.empty(0)
    return np.asarray(stats.false_discovery_control(np.clip(p_values, 0.0, 1.0), method="bh"), dtype=np.float64)
