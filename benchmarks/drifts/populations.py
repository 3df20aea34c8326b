"""Tables of which everything is known: where rows come from when nothing drifts.

Each column is a transformed normal variable (Gaussian copula), so correlation, skew, groups and seasons can be set
apart from each other. A population has parameters of its own; reference and windows are drawn from it alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from scipy import stats

from cuelight.monitoring.examination.columns import INPUT, PREDICTION, PROBABILITY, Codes, Column, Floats, Kind

DAY, WEEK = 86_400.0, 7 * 86_400.0
LOADING = 0.8  # of a correlated column on what it shares: any two of them correlate by 0.64
GROUP_ROWS, WITHIN = 40, 0.5  # rows of a caller, and how much of a column's variance is between callers
SWING = 0.7  # of a column's mean over the day, in standard deviations
_LEVELS = (4, 2, 3, 6, 10, 20)
_KNOWN = 0.7  # share of what decides the label that the model's columns know
_BASE_RATE = 0.3


class Shape(StrEnum):
    """How a normal variable becomes a column; numbers have mean 0 and standard deviation 1, but for counts."""

    NORMAL = "normal"
    JOINT = "correlated"
    LOGNORMAL = "lognormal"
    COUNT = "count"
    LEVELS = "levels"


@dataclass(frozen=True)
class World:
    """A kind of table: the shapes of its numeric columns, in turns, and what share of all columns is numeric.

    Attributes:
        joint_levels: categories are correlated, too.
        rare_levels: shares of categories fall as one over their rank; else they are random.
        grouped: rows come by callers, `GROUP_ROWS` each, who resemble themselves.
        seasonal: rows come in the order of time, and columns swing with the hour.
        told: Cuelight's settings say so.
    """

    name: str
    shapes: Sequence[Shape]
    numeric: float = 0.7
    joint_levels: bool = False
    rare_levels: bool = False
    grouped: bool = False
    seasonal: bool = False
    told: bool = True


@dataclass(frozen=True)
class Rows:
    """What the journal would hold of n rows, and what it would not: `labels`.

    Attributes:
        values: by column name, float64 numbers or int64 codes (n,).
        labels: whether the label is positive (n,).
        groups: the caller of each row (n,); None where each is on its own, or Cuelight is not told.
        times: when each came, in seconds, ascending (n,); None where that does not matter, or Cuelight is not told.
    """

    values: Mapping[str, Floats | Codes]
    labels: np.ndarray[tuple[int], np.dtype[np.bool_]]
    groups: Codes | None = None
    times: Floats | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Rows:
        """These rows, in this order."""
        values = {name: each[chosen] for name, each in self.values.items()}
        groups = None if self.groups is None else self.groups[chosen]
        return Rows(values, self.labels[chosen], groups, None if self.times is None else self.times[chosen])

    def with_column(self, name: str, values: Floats | Codes) -> Rows:
        """The same with one column replaced."""
        return replace(self, values={**self.values, name: values})


@dataclass(frozen=True)
class _Spec:
    name: str
    shape: Shape
    loading: float
    edges: Floats  # of the normal variable between levels
    phase: float


class Population:
    """One population of a world; rows of a reference and of its windows are drawn independently of each other.

    Besides its features it has what a model answers that sees the second and the third of them: a class and its
    probability, which is the true one.
    """

    def __init__(self, world: World, columns: int, generator: np.random.Generator) -> None:
        self.world = world
        numeric = round(world.numeric * columns)
        shapes = [world.shapes[index % len(world.shapes)] for index in range(numeric)]
        self._specs = [_number(index, shape, generator) for index, shape in enumerate(shapes)]
        self._specs += [self._category(index, generator) for index in range(columns - numeric)]
        self.features = [spec.name for spec in self._specs]
        self.base_rate = float(self.draw(np.random.default_rng(0), 20_000).labels.mean())

    def _category(self, index: int, generator: np.random.Generator) -> _Spec:
        levels = _LEVELS[index % len(_LEVELS)]
        shares = 1 / np.arange(1.0, levels + 1) if self.world.rare_levels else generator.dirichlet(np.full(levels, 2.0))
        edges = stats.norm.ppf(np.cumsum(shares / shares.sum())[:-1])
        loading = LOADING if self.world.joint_levels else 0.0
        return _Spec(f"{INPUT}c{index}", Shape.LEVELS, loading, edges, generator.uniform(0, 2 * math.pi))

    def draw(self, generator: np.random.Generator, rows: int, begin: float = 0.0, seconds: float = WEEK) -> Rows:
        """So many rows; in a seasonal world those of `seconds` from `begin` on."""
        groups = (np.arange(rows) // (GROUP_ROWS if self.world.grouped else 1)).astype(np.int64)
        times = begin + seconds * np.sort(generator.random(rows))
        shared = self._normal(generator, groups)
        hidden = {spec.name: self._hidden(spec, generator, shared, groups, times) for spec in self._specs}
        values = {spec.name: _shaped(spec, hidden[spec.name]) for spec in self._specs}
        score = sum(_seen(spec, hidden[spec.name]) for spec in self._specs[1:3]) / math.sqrt(2.0)
        known = (math.sqrt(_KNOWN) * score - stats.norm.ppf(1 - _BASE_RATE)) / math.sqrt(1 - _KNOWN)
        labels = known + generator.standard_normal(rows) > 0
        answers = {PREDICTION: (known > 0).astype(np.int64), f"{PROBABILITY}1": stats.norm.cdf(known)}
        grouped, seasonal = (each and self.world.told for each in (self.world.grouped, self.world.seasonal))
        return Rows({**values, **answers}, labels, groups if grouped else None, times if seasonal else None)

    def _normal(self, generator: np.random.Generator, groups: Codes) -> Floats:
        own: Floats = generator.standard_normal(len(groups))
        if not self.world.grouped:
            return own
        callers: Floats = generator.standard_normal(groups[-1] + 1)
        found: Floats = math.sqrt(WITHIN) * callers[groups] + math.sqrt(1 - WITHIN) * own
        return found

    def _hidden(
        self, spec: _Spec, generator: np.random.Generator, shared: Floats, groups: Codes, times: Floats
    ) -> Floats:
        """The normal variable of a column; over whole days its variance is 1."""
        found = self._normal(generator, groups)
        if spec.loading:
            found = spec.loading * shared + math.sqrt(1 - spec.loading**2) * found
        if self.world.seasonal:
            swing = SWING * np.sin(2 * math.pi * times / DAY + spec.phase)
            found = (found + swing) / math.sqrt(1 + SWING**2 / 2)
        return found


def columns(reference: Rows, window: Rows) -> list[Column]:
    """Both as what is tested."""
    return [_column(name, before, window.values[name]) for name, before in reference.values.items()]


def _column(name: str, before: Floats | Codes, now: Floats | Codes) -> Column:
    if before.dtype == np.float64:
        return Column(name, Kind.NUMERIC, before, now)
    levels = tuple(str(each) for each in range(1 + int(max(before.max(), now.max()))))
    return Column(name, Kind.CATEGORICAL, before, now, levels)


def _number(index: int, shape: Shape, generator: np.random.Generator) -> _Spec:
    loading = LOADING if shape is Shape.JOINT else 0.0
    return _Spec(f"{INPUT}n{index}", shape, loading, np.empty(0), generator.uniform(0, 2 * math.pi))


def _shaped(spec: _Spec, hidden: Floats) -> Floats | Codes:
    found: Floats = hidden
    match spec.shape:
        case Shape.LEVELS:
            return np.searchsorted(spec.edges, hidden).astype(np.int64)
        case Shape.LOGNORMAL:
            found = (np.exp(hidden) - math.exp(0.5)) / math.sqrt((math.e - 1) * math.e)
        case Shape.COUNT:
            found = np.floor(2 * np.exp(hidden))
    return found


def _seen(spec: _Spec, hidden: Floats) -> Floats:
    """What the model makes of a column: of a level its middle, of a number its logarithm where it is skewed."""
    if spec.shape is not Shape.LEVELS:
        return hidden
    shares = stats.norm.cdf(np.concatenate([[-np.inf], spec.edges, [np.inf]]))
    middles: Floats = stats.norm.ppf((shares[1:] + shares[:-1]) / 2)
    return middles[np.searchsorted(spec.edges, hidden)]
