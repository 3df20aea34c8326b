"""How far do windows stray that did not drift? The answer is drawn from the reference itself.

A driftless window is a random part of the reference (without replacement), tested against the *rest* of it: two
disjoint samples of one population, as the real window and the reference are. A bootstrap window tested against the
whole reference would share rows with it and stray too little (its variance lacks the reference's own 1/n), so it would
alarm too often. The scores do not depend on the sample sizes, so a window larger than half the reference is
calibrated by halves, and a reference of more than `MOST_ROWS` independent rows by a sample of them.

Where rows come in groups, such as a person's, so do those of a driftless window: whole groups are drawn. They stray
further than as many independent rows, in some directions more than in others, so p-values are taken from them (the
second-order correction of Rao and Scott 1981 for surveys by clusters: mean and variance of the statistic say which
multiple of which chi-square it is; F in its place, as there are few groups to learn them from: Thomas and Rao 1987).
Where the window's groups are of another size, the design effect 1 + (size - 1) rho (Kish 1965) says how far they stray.
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

ROUNDS, GROUPED_ROUNDS, TOGETHER_ROUNDS = 100, 200, 50
MOST_ROWS = 200_000  # of the reference, where they are independent of each other
# A score that does not move at all over the draws (nearly constant columns) still gets a scale: a fifth of its usual
# standard deviation (0.6).
LEAST_SD = 0.12


@dataclass(frozen=True)
class Tail:
    """How the squared score of windows of whole groups strays: as `mean` times F with so many degrees of freedom."""

    mean: float
    degrees: float
    others: float

    def p_value(self, score: float) -> float:
        """Chance of a score at least as large without drift."""
        from scipy import special

        return float(special.fdtrc(self.degrees, self.others, score**2 / self.mean))


@dataclass(frozen=True)
class Null:
    """Mean and standard deviation of a test's score over driftless windows.

    Attributes:
        tail: where rows come in groups, what the p-value is taken from; None: the test's own holds.
    """

    mean: float
    sd: float
    tail: Tail | None = None

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
    if groups is None:
        columns = _sampled(columns)
    rows = len(columns[0].reference)
    taken = min(size, rows // 2)
    if taken < 1:
        return {column.name: Null(0.0, 1.0) for column in columns}
    generator = np.random.default_rng(seed)
    windows = _drawn(lambda: rows_at_random(generator, rows, taken), rounds, rows)
    alone = {column.name: _scores(column, windows, size) for column in columns}
    nulls = {column.name: _null(column, alone[column.name]) for column in columns}
    together = design(columns)
    if groups is not None and groups.count > 1:
        count = round(size / groups.window_size)
        windows = _drawn(lambda: groups_at_random(generator, groups.codes, count), GROUPED_ROUNDS, rows)
        for column in columns:
            grouped = _scores(column, windows, size)
            nulls[column.name] = _grouped(_null(column, grouped), grouped, alone[column.name], groups)
        together = together if groups.window_size <= _LARGER * groups.size else None
    return nulls if together is None else nulls | {TOGETHER: _null_together(together, windows[:TOGETHER_ROUNDS])}


def _sampled(columns: Sequence[Column]) -> Sequence[Column]:
    """The columns with no more rows of the reference than are drawn from, the same of every column."""
    rows = len(columns[0].reference)
    if rows <= MOST_ROWS:
        return columns
    chosen = np.random.default_rng(0).choice(rows, MOST_ROWS, replace=False)
    return [replace(column, reference=column.reference[chosen]) for column in columns]


def _drawn(window: Callable[[], Bools], rounds: int, rows: int) -> Bools:
    """So many windows (rounds, rows), held once: of a million rows they are 100 MB."""
    drawn = np.empty((rounds, rows), dtype=bool)
    for place in drawn:
        place[:] = window()
    return drawn


def _scores(column: Column, windows: Bools, size: int) -> Floats:
    """Scores of those windows (k, n) with values that are not null on both sides."""
    present = column.present(column.reference)
    reference, members = column.reference[present], windows if present.all() else windows[:, present]
    usable = members.any(axis=1) & ~members.all(axis=1)
    members = members if usable.all() else members[usable]
    if column.kind is Kind.NUMERIC:
        return number_scores(reference, members)
    return _code_scores(column, reference, members, size)


def _null(column: Column, scores: Floats) -> Null:
    if not len(scores):
        return Null(0.0, 1.0)
    if column.kind is Kind.CATEGORICAL and not scores.any():
        return _UNTRIED
    return Null(float(scores.mean()), float(scores.std(ddof=1)) if len(scores) > 1 else 1.0)


def _grouped(null: Null, grouped: Floats, alone: Floats, groups: Groups) -> Null:
    """The null of groups of the window's size, by scores of the reference's and by those of independent rows."""
    if len(grouped) < 2 or len(alone) < 2 or not grouped.any() or not alone.any():
        return null
    squares, independent = grouped**2, alone**2
    effect = max(1.0, float(squares.mean() / independent.mean()))
    scale = groups.stretch(math.sqrt(effect)) ** 2 / effect
    tail = Tail(
        mean=scale * effect * float(independent.mean()),
        degrees=min(_degrees(squares), _degrees(independent)),
        others=_others(effect, groups.count),
    )
    return Null(null.mean * math.sqrt(scale), null.sd * math.sqrt(scale), tail)


def _degrees(squares: Floats) -> float:
    """Degrees of freedom of the chi-square that has this mean and variance, but for a factor (Satterthwaite 1946)."""
    return float(2.0 * squares.mean() ** 2 / max(1e-12, squares.var(ddof=1)))


def _others(effect: float, count: int) -> float:
    """Degrees of freedom of the design effect itself, again Satterthwaite's: only what exceeds 1 is learned of groups.

    A third of the groups are counted: with all of them, drawn tables alarmed in 5 to 6 % of windows instead of 3 or 4.
    """
    excess = max(1e-3, (effect - 1.0) / effect)
    return (count - 1) / 3.0 / excess**2


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
    # One after the other: each is a copy of the whole table, and of a million rows fifty of them are 16 GB.
    parts = (replace(made, reference=made.reference[~mask], current=made.reference[mask]) for mask in windows)
    scores = np.array([tell_apart(part, seed).comparison.score for seed, part in enumerate(parts)])
    return Null(float(scores.mean()), float(scores.std(ddof=1)) if len(scores) > 1 else 1.0)
