"""How far do windows stray that did not drift? The answer is drawn from the reference itself.

A driftless window is a random part of the reference (without replacement), tested against the *rest* of it: two
disjoint samples of one population, as the real window and the reference are. A bootstrap window tested against the
whole reference would share rows with it and stray too little (its variance lacks the reference's own 1/n), so it would
alarm too often. The scores do not depend on the sample sizes, so a window larger than half the reference is
calibrated by halves.

Where rows come in groups, such as a person's, so do those of a driftless window: whole groups are drawn. They stray
further than as many independent rows, and by how much is what the p-values, which take rows to be independent, are
corrected by (the first-order correction of Rao and Scott 1981 for surveys by clusters: the statistic over its design
effect). Where the window's groups are of another size, the design effect 1 + (size - 1) rho (Kish 1965) says how far
they stray.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cuelight.monitoring.drift.dependence import TOGETHER, Design, design, tell_apart
from cuelight.monitoring.drift.numbers import Bools, pooled_values, split
from cuelight.monitoring.drift.statistics import compare_counts, frequent
from cuelight.monitoring.examination.columns import Codes, Column, Floats, Kind
from cuelight.monitoring.examination.likeness import Groups

ROUNDS, TOGETHER_ROUNDS = 100, 50
# A score that does not move at all over the draws (nearly constant columns) still gets a scale: a fifth of its usual
# standard deviation (0.6).
LEAST_SD = 0.12


@dataclass(frozen=True)
class Null:
    """Mean and standard deviation of a test's score over driftless windows.

    Attributes:
        stretch: how many times as far as with independent rows they stray, at least 1.
    """

    mean: float
    sd: float
    stretch: float = 1.0

    def z(self, score: float) -> float:
        """How many standard deviations `score` lies above what driftless windows show."""
        return (score - self.mean) / max(self.sd, LEAST_SD)


# Levels too rare for a table in any draw may still make one in a larger window: the root of chi-square with one degree
# of freedom, which is half-normal.
_UNTRIED = Null(0.80, 0.60)


Nulls = Mapping[str, Null]
# (columns, rows of the window, how rows are grouped) -> nulls: `calibrate`, or what remembers its results.
Calibration = Callable[[Sequence[Column], int, Groups | None], Nulls]
# Windows of groups so many times as large as the reference's show a dependence that its draws can't.
_LARGER = 1.25


# Sizes of windows that are calibrated for, within a power of ten (Renard's preferred numbers).
_SIZES = (1.0, 1.25, 1.6, 2.0, 2.5, 3.15, 4.0, 5.0, 6.3, 8.0, 10.0)


def near(size: int) -> int:
    """The nearest of ten sizes in each power of ten: scores don't depend on it, so windows of about it share a null."""
    if size < 10:
        return size
    power = 10.0 ** math.floor(math.log10(size))
    return round(power * min(_SIZES, key=lambda step: abs(math.log(size / (step * power)))))


def rows_at_random(generator: np.random.Generator, rows: int, size: int) -> Bools:
    """A mask (rows,) of `size` rows that are independent of each other."""
    mask = np.zeros(rows, dtype=np.bool_)
    mask[generator.choice(rows, size=size, replace=False)] = True
    return mask


def groups_at_random(generator: np.random.Generator, codes: Codes, count: int) -> Bools:
    """A mask (rows,) of all rows of `count` groups, but of half of the groups at most."""
    present = np.unique(codes)
    taken = min(max(1, count), len(present) // 2)
    return np.isin(codes, generator.choice(present, size=taken, replace=False))


def calibrate(
    columns: Sequence[Column], size: int, groups: Groups | None = None, rounds: int = ROUNDS, seed: int = 0
) -> Nulls:
    """The null of each column, and of the columns together, for windows of `size` rows; the same seed, the same nulls.

    All tests are made on the same drawn rows, so correlated columns stray together, as in a real window.
    Without `groups`, rows are independent of each other.
    """
    if not columns:
        return {}
    rows = len(columns[0].reference)
    taken = min(size, rows // 2)
    if taken < 1:
        return {column.name: Null(0.0, 1.0) for column in columns}
    generator = np.random.default_rng(seed)
    windows = np.stack([rows_at_random(generator, rows, taken) for _ in range(rounds)])
    nulls = {column.name: _null(column, windows, size) for column in columns}
    together = design(columns)
    if groups is not None and groups.count > 1:
        count = round(size / groups.window_size)
        windows = np.stack([groups_at_random(generator, groups.codes, count) for _ in range(rounds)])
        grouped = {column.name: _null(column, windows, size) for column in columns}
        nulls = {name: _stretched(null, nulls[name], groups) for name, null in grouped.items()}
        together = together if groups.window_size <= _LARGER * groups.size else None
    return nulls if together is None else nulls | {TOGETHER: _null_together(together, windows[:TOGETHER_ROUNDS])}


def _stretched(null: Null, independent: Null, groups: Groups) -> Null:
    """The null of groups of the window's size, by that of groups of the reference's."""
    found = max(1.0, null.mean / max(independent.mean, LEAST_SD))
    stretch = groups.stretch(found)
    return Null(null.mean * stretch / found, null.sd * stretch / found, stretch)


def _null(column: Column, windows: Bools, size: int) -> Null:
    present = column.present(column.reference)
    reference, members = column.reference[present], windows[:, present]
    usable = members.any(axis=1) & ~members.all(axis=1)
    if not usable.any():
        return Null(0.0, 1.0)
    scores = (
        number_scores(reference, members[usable])
        if column.kind is Kind.NUMERIC
        else _code_scores(column, reference, members[usable], size)
    )
    if column.kind is Kind.CATEGORICAL and not scores.any():
        return _UNTRIED
    return Null(float(scores.mean()), float(scores.std(ddof=1)) if len(scores) > 1 else 1.0)


def number_scores(reference: Floats, members: Bools) -> Floats:
    """Scores (k,) of members (k, n) against the rest; `reference` (n,) is put in order once."""
    pool = pooled_values(reference)
    return np.array([split(pool, mask).score for mask in members])


def _code_scores(column: Column, reference: npt.NDArray[np.int64], members: Bools, size: int) -> Floats:
    levels = len(column.levels)
    kept = frequent(reference, levels, size)
    total = np.bincount(reference, minlength=levels)
    counts = [np.bincount(reference[mask], minlength=levels) for mask in members]
    return np.array([compare_counts(total - inside, inside, kept).score for inside in counts])


def _null_together(made: Design, windows: Bools) -> Null:
    parts = [replace(made, reference=made.reference[~mask], current=made.reference[mask]) for mask in windows]
    scores = np.array([tell_apart(part, seed).comparison.score for seed, part in enumerate(parts)])
    return Null(float(scores.mean()), float(scores.std(ddof=1)) if len(scores) > 1 else 1.0)
