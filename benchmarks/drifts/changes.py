"""What is done to a window so that it has drifted, by a known amount."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.drifts.populations import Population, Rows

POINTS = 0.10  # that a level, or the label's rate, moves by

# (population, generator, rows of a window that did not drift) -> rows of one that did
Change = Callable[[Population, np.random.Generator, Rows], Rows]
NONE, DRIFT = "no drift", "drift"


@dataclass(frozen=True)
class Shifted:
    """A feature's mean moves by so many of its standard deviations; with `ramp` from 0 at first to twice that."""

    sigmas: float
    ramp: bool = False

    def __call__(self, population: Population, _: np.random.Generator, rows: Rows) -> Rows:
        name = population.features[0]
        by = np.linspace(0.0, 2 * self.sigmas, len(rows)) if self.ramp else self.sigmas
        return rows.with_column(name, (rows.values[name] + by).astype(np.float64))


@dataclass(frozen=True)
class Scaled:
    """A feature's standard deviation becomes so many times what it was, its mean stays."""

    factor: float

    def __call__(self, population: Population, _: np.random.Generator, rows: Rows) -> Rows:
        name = population.features[0]
        return rows.with_column(name, (self.factor * rows.values[name]).astype(np.float64))


def moved_levels(population: Population, generator: np.random.Generator, rows: Rows) -> Rows:
    """The most frequent of four levels loses `POINTS` of all rows to the others, evenly."""
    name = next(each for each in population.features if each.endswith(".c0"))
    codes = rows.values[name].copy()
    counts = np.bincount(codes, minlength=4)
    top = int(counts.argmax())
    chosen = (codes == top) & (generator.random(len(codes)) < POINTS * len(codes) / counts[top])
    codes[chosen] = (top + generator.integers(1, len(counts), size=int(chosen.sum()))) % len(counts)
    return rows.with_column(name, codes)


def uncorrelated(population: Population, generator: np.random.Generator, rows: Rows) -> Rows:
    """A feature keeps its values, and loses what it had in common with the others."""
    name = population.features[3]
    return rows.with_column(name, generator.permutation(rows.values[name]))


def relabelled(population: Population, generator: np.random.Generator, rows: Rows) -> Rows:
    """Positive labels become more frequent by `POINTS`; what rows of either label look like stays (label shift).

    The journal sees it in the model's answers and, weaker, in the features that tell the labels apart.
    """
    rate = population.base_rate + POINTS
    wanted = int(generator.binomial(len(rows), rate))
    pool = population.draw(generator, 3 * len(rows))
    positive, negative = np.flatnonzero(pool.labels), np.flatnonzero(~pool.labels)
    return pool.take(generator.permutation(np.concatenate([positive[:wanted], negative[: len(rows) - wanted]])))


TENTH, QUARTER, HALF = "mean + 0.1 sd", "mean + 0.25 sd", "mean + 0.5 sd"
RAMP, SCALE = "mean ramps to + 0.5 sd", "sd times 1.25"
LEVEL, CORRELATION, LABEL = "a level - 10 points", "correlation 0.64 to 0", "label + 10 points"
CHANGES: dict[str, Change] = {
    TENTH: Shifted(0.1),
    QUARTER: Shifted(0.25),
    HALF: Shifted(0.5),
    RAMP: Shifted(0.25, ramp=True),
    SCALE: Scaled(1.25),
    LEVEL: moved_levels,
    CORRELATION: uncorrelated,
    LABEL: relabelled,
}
