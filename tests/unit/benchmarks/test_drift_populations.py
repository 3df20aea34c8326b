from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from benchmarks.drifts.changes import CHANGES, Scaled, Shifted, moved_levels, relabelled, uncorrelated
from benchmarks.drifts.conditions import CATEGORIES, CLUSTERED, CORRELATED, MIXED, NUMERIC, SEASONAL, SKEWED
from benchmarks.drifts.populations import DAY, GROUP_ROWS, LOADING, SWING, WEEK, WITHIN, Population, Rows, World
from cuelight.monitoring.examination.columns import INPUT, PREDICTION, PROBABILITY

MANY = 40_000


def _drawn(world: World, rows: int = MANY, columns: int = 20, seed: int = 1) -> tuple[Population, Rows]:
    generator = np.random.default_rng(seed)
    population = Population(world, columns, generator)
    return population, population.draw(generator, rows)


def _p_value(before: np.ndarray, now: np.ndarray) -> float:
    if before.dtype == np.float64:
        return float(stats.ks_2samp(before, now, method="asymp").pvalue)
    table = np.stack([np.bincount(side, minlength=20) for side in (before, now)])
    return float(stats.chi2_contingency(table[:, table.sum(axis=0) > 0], correction=False).pvalue)


def _place(before: np.ndarray, now: np.ndarray) -> float:
    """As above; numbers by their ranks, since that p-value is uniform with ties as well."""
    return float(stats.mannwhitneyu(before, now).pvalue) if before.dtype == np.float64 else _p_value(before, now)


@pytest.mark.parametrize("world", [MIXED, NUMERIC, CATEGORIES, CORRELATED, SKEWED], ids=lambda world: world.name)
def test_a_driftless_pair_is_exchangeable(world: World) -> None:
    """Reference and window come from one distribution: p-values of what tells two samples apart are uniform."""
    generator, found = np.random.default_rng(5), []
    for _ in range(120):
        population = Population(world, 5, generator)
        before, now = population.draw(generator, 1_000), population.draw(generator, 500)
        found.append([_place(before.values[name], now.values[name]) for name in before.values])
    for p_values in np.array(found).T:
        assert stats.kstest(p_values, "uniform").pvalue > 0.001


def test_callers_are_exchangeable_and_resemble_themselves() -> None:
    """Rows of one caller are correlated by so much, as many as they should be, and callers' means don't drift."""
    generator, found = np.random.default_rng(6), []
    for _ in range(150):
        population = Population(CLUSTERED, 5, generator)
        before, now = population.draw(generator, 2_000), population.draw(generator, 1_000)
        means = [each.values[f"{INPUT}n0"].reshape(-1, GROUP_ROWS).mean(axis=1) for each in (before, now)]
        found.append(stats.ttest_ind(*means).pvalue)
    assert stats.kstest(found, "uniform").pvalue > 0.001
    _, rows = _drawn(CLUSTERED)
    assert rows.groups is not None
    assert set(np.bincount(rows.groups)) == {GROUP_ROWS}
    values = rows.values[f"{INPUT}n0"].reshape(-1, GROUP_ROWS)
    assert np.corrcoef(values[:, 0], values[:, 1])[0, 1] == pytest.approx(WITHIN, abs=0.06)
    assert values.std() == pytest.approx(1.0, abs=0.05)


def test_seasons_swing_by_the_hour_and_come_again() -> None:
    """A column's mean follows the hour by so much; the same hours of another week are the same."""
    generator = np.random.default_rng(7)
    population = Population(SEASONAL, 5, generator)
    weeks = [population.draw(generator, MANY, begin) for begin in (0.0, 5 * WEEK)]
    values, times = weeks[0].values[f"{INPUT}n0"], weeks[0].times
    assert times is not None
    assert times.min() >= 0
    assert times.max() < WEEK
    hours = [values[times % DAY // 3600 == hour].mean() for hour in range(24)]
    swing = SWING / np.sqrt(1 + SWING**2 / 2)
    assert (max(hours) - min(hours)) / 2 == pytest.approx(swing, abs=0.06)
    assert values.std() == pytest.approx(1.0, abs=0.02)
    assert all(_p_value(weeks[0].values[name], weeks[1].values[name]) > 1e-4 for name in population.features)
    part = population.draw(generator, 2_000, 5 * WEEK, DAY / 4)
    assert min(_p_value(values, part.values[f"{INPUT}n0"]), 1.0) < 1e-6


@pytest.mark.parametrize("world", [MIXED, NUMERIC, CORRELATED, CLUSTERED], ids=lambda world: world.name)
def test_numbers_are_standardized(world: World) -> None:
    """So a shift of 0.25 is one of 0.25 standard deviations."""
    population, rows = _drawn(world, 4 * MANY)
    for name in population.features:
        if rows.values[name].dtype == np.float64:
            assert rows.values[name].mean() == pytest.approx(0.0, abs=0.05)
            assert rows.values[name].std() == pytest.approx(1.0, abs=0.12)


def test_a_world_is_what_it_says() -> None:
    """Correlated columns correlate, others do not; skewed ones are skewed; rare levels are rare."""
    population, rows = _drawn(MIXED)
    assert len(population.features) == 20
    assert sum(rows.values[name].dtype == np.float64 for name in population.features) == 14
    numbers = [rows.values[f"{INPUT}n{index}"] for index in range(4)]
    assert np.corrcoef(numbers[2], numbers[3])[0, 1] == pytest.approx(LOADING**2, abs=0.02)
    assert np.corrcoef(numbers[0], numbers[3])[0, 1] == pytest.approx(0.0, abs=0.02)
    assert stats.skew(numbers[1]) > 3
    _, skewed = _drawn(SKEWED)
    shares = np.bincount(skewed.values[f"{INPUT}c0"]) / MANY
    assert shares == pytest.approx(np.array([12, 6, 4, 3]) / 25, abs=0.01)


@pytest.mark.parametrize("world", [MIXED, CATEGORIES, SKEWED], ids=lambda world: world.name)
def test_the_model_s_probabilities_are_true(world: World) -> None:
    """Of the rows that it gives a probability of p, p are positive; its class is the more probable one."""
    _, rows = _drawn(world)
    given = rows.values[f"{PROBABILITY}1"]
    for low in np.arange(0.0, 1.0, 0.1):
        chosen = (given >= low) & (given < low + 0.1)
        if chosen.sum() > 500:
            assert rows.labels[chosen].mean() == pytest.approx(given[chosen].mean(), abs=0.06)
    assert rows.labels.mean() == pytest.approx(given.mean(), abs=0.01)
    assert ((given > 0.5) == (rows.values[PREDICTION] == 1)).all()


def test_shifts_and_scales_are_of_their_size() -> None:
    """One column moves by exactly so much, the others stay."""
    population, rows = _drawn(MIXED)
    first, generator = f"{INPUT}n0", np.random.default_rng(0)
    for change, mean, spread in (
        (Shifted(0.25), 0.25, 1.0),
        (Scaled(1.25), 0.0, 1.25),
        (Shifted(0.25, True), 0.25, 1.01),
    ):
        now = change(population, generator, rows)
        assert now.values[first].mean() == pytest.approx(mean, abs=0.03)
        assert now.values[first].std() == pytest.approx(spread, abs=0.02)
        assert [name for name in rows.values if now.values[name] is not rows.values[name]] == [first]
    ramp = Shifted(0.25, True)(population, generator, rows).values[first] - rows.values[first]
    assert (ramp[0], ramp[-1]) == (0.0, pytest.approx(0.5))


def test_a_level_loses_its_points() -> None:
    """Ten points of all rows go from the most frequent level to the others."""
    population, rows = _drawn(MIXED)
    now = moved_levels(population, np.random.default_rng(0), rows)
    before, after = (np.bincount(each.values[f"{INPUT}c0"], minlength=4) / MANY for each in (rows, now))
    top = before.argmax()
    assert after[top] - before[top] == pytest.approx(-0.10, abs=0.01)
    assert (np.delete(after - before, top)) == pytest.approx(0.1 / 3, abs=0.01)


def test_correlation_goes_and_nothing_else() -> None:
    """The column has the same values as before, in another order."""
    population, rows = _drawn(MIXED)
    now = uncorrelated(population, np.random.default_rng(0), rows)
    name = f"{INPUT}n3"
    assert (np.sort(now.values[name]) == np.sort(rows.values[name])).all()
    assert np.corrcoef(now.values[name], now.values[f"{INPUT}n2"])[0, 1] == pytest.approx(0.0, abs=0.02)


def test_a_label_shift_leaves_rows_of_a_label_as_they_are() -> None:
    """Positive labels become more frequent by ten points; rows with the same label have the same distribution."""
    population, rows = _drawn(MIXED)
    now = relabelled(population, np.random.default_rng(0), rows)
    assert len(now) == MANY
    assert now.labels.mean() - population.base_rate == pytest.approx(0.10, abs=0.01)
    for label in (False, True):
        for name in rows.values:
            assert _p_value(rows.values[name][rows.labels == label], now.values[name][now.labels == label]) > 1e-4
    assert _p_value(rows.values[f"{PROBABILITY}1"], now.values[f"{PROBABILITY}1"]) < 1e-6


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_keeps_the_window_s_size(change: Callable[[Population, np.random.Generator, Rows], Rows]) -> None:
    """And leaves the rows it was given alone."""
    population, rows = _drawn(MIXED, 600, 5)
    before = {name: values.copy() for name, values in rows.values.items()}
    assert len(change(population, np.random.default_rng(0), rows)) == 600
    assert all((rows.values[name] == before[name]).all() for name in before)
