"""Do the columns hang together as before? A domain classifier, on what the tests of single columns cannot see.

The classifier two-sample test (Lopez-Paz and Oquab 2017): a classifier learns to tell the window's rows from the
reference's on half of them, and is tried on the other half; without drift it does no better than a coin. Each side's
columns are brought to the same distribution first (normal scores of their ranks), so what is left to tell them apart is
how columns go together: products of two columns, and of their squares. A logistic regression on the few products that
differ most in the rows it learns from finds one changed pair among hundreds, in milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from cuelight.monitoring.drift.numbers import Bools
from cuelight.monitoring.drift.statistics import Comparison
from cuelight.monitoring.examination.columns import Column, Floats, Kind

TOGETHER = "columns together"  # the name of this test among the columns
CLASSIFIER = "domain classifier"
# Rows of a side that are looked at, a seeded sample: what is the same in so many is the same.
MOST_ROWS = 2_000
LEAST_ROWS = 100
_MOST_REFERENCE = 100 * MOST_ROWS  # rows of it that samples are drawn from
# The products that the classifier takes, of all that there are; and the width up to which there are squares as well.
_PRODUCTS, _WIDE = 10, 60
_MOST_MEMBERS, _MOST_LEVELS = 150, 6
# Columns that carry less of what is told apart than this are not named.
_LEAST_SHARE = 0.1


@dataclass(frozen=True)
class Design:
    """Features of both sides as numbers, NaN for null: (n, d) and (m, d); several stand for one categorical column.

    Attributes:
        owners: position in `names` of the column that each of the d is made of.
        numeric: which of the d are numbers: of these there are squares as well.
    """

    names: tuple[str, ...]
    reference: Floats
    current: Floats
    owners: npt.NDArray[np.intp]
    numeric: Bools


@dataclass(frozen=True)
class Dependence:
    """The test's outcome, and the columns that carry it, the most telling first."""

    comparison: Comparison
    carriers: tuple[str, ...]


def design(columns: Sequence[Column]) -> Design | None:
    """What can be tested of the columns that the model got; None where there are no two of them, or too few rows."""
    features = [_drawn(column) for column in columns if not column.is_output]
    parts = [_members(column) for column in features]
    owners = np.repeat(np.arange(len(parts)), [before.shape[1] for before, _ in parts])[:_MOST_MEMBERS]
    if len(set(owners)) < 2 or min(len(features[0].reference), len(features[0].current)) < LEAST_ROWS:
        return None
    before, now = (np.concatenate(side, axis=1)[:, :_MOST_MEMBERS] for side in zip(*parts, strict=True))
    numeric = np.array([features[owner].kind is Kind.NUMERIC for owner in owners])
    return Design(tuple(column.name for column in features), before, now, owners, numeric)


def tell_apart(made: Design, seed: int = 0) -> Dependence:
    """Cross-fit the classifier in two halves; the score is the mean of their Mann-Whitney statistics.

    Each statistic is standard normal without drift, given the rows that were learned from, and the mean of two such
    has a variance of at most 1, however they hang together: the p-value errs on the safe side.
    """
    from scipy import special

    generator = np.random.default_rng(seed)
    before, now = (_halves(made, side, generator) for side in (made.reference, made.current))
    left, right = _pairs(made)
    areas, scores, gains = [], [], np.zeros(len(made.names))
    for learned in (0, 1):
        products, slopes = _learn(before[learned], now[learned], left, right)
        first, second = left[products], right[products]
        old, new = (side[1 - learned][:, first] * side[1 - learned][:, second] for side in (before, now))
        area, score = _mann_whitney(old @ slopes, new @ slopes)
        areas.append(area)
        scores.append(score)
        gained = np.maximum(0.0, slopes * (new.mean(axis=0) - old.mean(axis=0)))
        for ends in (first, second):
            np.add.at(gains, _owners(made)[ends], gained)
    score = float(np.mean(scores))
    distance = max(0.0, 2.0 * float(np.mean(areas)) - 1.0)
    return Dependence(
        Comparison(CLASSIFIER, float(special.ndtr(-score)), distance, score), _carriers(made.names, gains)
    )


def _drawn(column: Column) -> Column:
    """The column with as many rows of the window as are looked at, the same of every column."""
    return replace(
        column, reference=_sample(column.reference, _MOST_REFERENCE), current=_sample(column.current, MOST_ROWS)
    )


def _sample(values: npt.NDArray[Any], most: int) -> npt.NDArray[Any]:
    if len(values) <= most:
        return values
    return values[np.random.default_rng(0).choice(len(values), most, replace=False)]


def _members(column: Column) -> tuple[Floats, Floats]:
    """A column as numbers, (n, k) and (m, k): itself, or one indicator for each frequent level but the last."""
    if column.kind is Kind.NUMERIC:
        return column.reference[:, None], column.current[:, None]
    counts = np.bincount(column.reference[column.reference >= 0], minlength=len(column.levels))
    levels = [level for level in np.argsort(-counts, kind="stable")[:_MOST_LEVELS] if counts[level]]
    if len(levels) == np.count_nonzero(counts):
        levels = levels[:-1]
    sides = []
    for codes in (column.reference, column.current):
        indicators = (codes[:, None] == np.array(levels, dtype=codes.dtype)).astype(np.float64)
        indicators[codes < 0] = np.nan
        sides.append(indicators)
    return sides[0], sides[1]


def _halves(made: Design, side: Floats, generator: np.random.Generator) -> list[Floats]:
    """A sample of one side as scores, in two halves drawn at random."""
    rows = side[generator.permutation(len(side))[:MOST_ROWS]]
    scores = _normal_scores(rows)
    if _squared(made):
        squares = scores[:, made.numeric] ** 2
        scores = np.concatenate([scores, _standardized(squares)], axis=1)
    return [scores[: len(rows) // 2], scores[len(rows) // 2 :]]


def _normal_scores(rows: Floats) -> Floats:
    """Each column's normal scores (van der Waerden), mean 0 and variance 1; nulls are at the mean."""
    from scipy import special, stats

    ranks = stats.rankdata(rows, axis=0, nan_policy="omit") if np.isnan(rows).any() else stats.rankdata(rows, axis=0)
    present = np.maximum(1, (~np.isnan(rows)).sum(axis=0))
    return cast("Floats", np.nan_to_num(_standardized(special.ndtri((ranks - 0.5) / present))))


def _standardized(values: Floats) -> Floats:
    spread = np.nanstd(values, axis=0)
    return cast("Floats", (values - np.nanmean(values, axis=0)) / np.where(spread > 1e-9, spread, np.inf))


def _squared(made: Design) -> bool:
    return len(made.owners) <= _WIDE


def _owners(made: Design) -> npt.NDArray[np.intp]:
    return np.concatenate([made.owners, made.owners[made.numeric]]) if _squared(made) else made.owners


def _pairs(made: Design) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Positions of the two factors of every product of two columns."""
    owners = _owners(made)
    left, right = np.triu_indices(len(owners), 1)
    apart = owners[left] != owners[right]
    return left[apart], right[apart]


def _learn(
    before: Floats, now: Floats, left: npt.NDArray[np.intp], right: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.intp], Floats]:
    """The products that differ most between the sides (k,), and what a logistic regression makes of each (k,)."""
    from sklearn.linear_model import LogisticRegression

    (old, old_error), (new, new_error) = _moments(before), _moments(now)
    differences = np.abs(new - old) / np.sqrt(old_error + new_error + 1e-12)
    chosen = np.argsort(-differences[left, right], kind="stable")[:_PRODUCTS]
    first, second = left[chosen], right[chosen]
    inputs = np.concatenate([side[:, first] * side[:, second] for side in (before, now)])
    domain = np.repeat([0, 1], [len(before), len(now)])
    classifier = LogisticRegression(C=0.1, class_weight="balanced", max_iter=100).fit(inputs, domain)
    return chosen, np.asarray(classifier.coef_[0], dtype=np.float64)


def _moments(scores: Floats) -> tuple[Floats, Floats]:
    """Mean of each product of two columns and that mean's squared standard error, (d, d) each."""
    rows = len(scores)
    mean = scores.T @ scores / rows
    squares = scores**2
    return mean, np.maximum(0.0, squares.T @ squares / rows - mean**2) / rows


def _mann_whitney(before: Floats, now: Floats) -> tuple[float, float]:
    """Area under the curve, and the rank-sum statistic in its standard deviations (ties at their mean rank)."""
    from scipy import stats

    n, m = len(before), len(now)
    above = stats.rankdata(np.concatenate([before, now]))[n:].sum() - m * (m + 1) / 2
    return float(above / (n * m)), float((above - n * m / 2) / np.sqrt(n * m * (n + m + 1) / 12))


def _carriers(names: Sequence[str], gains: Floats) -> tuple[str, ...]:
    total = float(gains.sum())
    if total <= 0:
        return ()
    order = np.argsort(-gains, kind="stable")
    return tuple(names[each] for each in order if gains[each] >= _LEAST_SHARE * total)
