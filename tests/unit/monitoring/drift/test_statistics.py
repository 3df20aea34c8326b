from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cuelight.monitoring.drift.statistics import adjusted, compare, compare_codes, compare_numbers, frequent, pooled
from cuelight.monitoring.examination.columns import Column, Kind, pair


def _texts(reference: Sequence[str | None], current: Sequence[str | None]) -> Column:
    return pair("input.x", Kind.CATEGORICAL, pd.Series(reference, dtype=object), pd.Series(current, dtype=object))


@pytest.mark.parametrize(("shift", "spread"), [(0.2, 1.0), (0.0, 1.2), (0.0, 1.0)])
def test_numbers_are_compared_as_scipy_does(shift: float, spread: float) -> None:
    """On the finite rows: SciPy's gap, and the smaller of its p-value and Lepage's of its rank tests, doubled."""
    generator = np.random.default_rng(1)
    before, now = generator.normal(size=800), generator.normal(shift, spread, size=600)
    expected = stats.ks_2samp(before, now, method="asymp")
    place = stats.mannwhitneyu(before, now, method="asymptotic", use_continuity=False).pvalue
    lepage = stats.norm.isf(place / 2) ** 2 + stats.mood(before, now).statistic ** 2
    holes = np.array([np.nan, np.nan])
    found = compare(Column("x", Kind.NUMERIC, np.append(before, holes), np.append(now, holes)))
    assert found.distance == pytest.approx(expected.statistic)
    doubled = min(1.0, 2.0 * min(expected.pvalue, stats.chi2.sf(lepage, 2)))
    assert found.p_value == pytest.approx(doubled, rel=1e-6)


@pytest.mark.parametrize("values", [1, 2, 3, 7])
def test_ties_change_nothing(values: int) -> None:
    """With a few values, or one alone, drawn from one population, p-values are seldom small: as often as they say."""
    generator = np.random.default_rng(values)
    drawn = (generator.integers(0, values, size=(2, 300)).astype(float) ** 2 for _ in range(300))
    p_values = np.array([compare_numbers(before, now).p_value for before, now in drawn])
    assert (p_values <= 0.05).mean() <= 0.08
    assert (p_values <= 0.01).mean() <= 0.03


def test_a_change_of_spread_and_one_of_neither_place_nor_spread_are_found() -> None:
    """The first is Lepage's to find, the second Kolmogorov's: values near the middle that moved to both sides."""
    generator = np.random.default_rng(2)
    before, now = generator.normal(size=5000), generator.normal(size=500)
    assert compare_numbers(before, 1.3 * now).p_value < 1e-3
    assert compare_numbers(before, np.sign(now) * np.maximum(np.abs(now), 0.3)).p_value < 1e-3
    assert compare_numbers(before, now).p_value > 0.1


def test_levels_are_compared_as_scipy_does() -> None:
    """A categorical column with frequent levels gives chi2_contingency's p-value on the plain table."""
    found = compare(_texts(["a"] * 60 + ["b"] * 40 + [None], ["a"] * 30 + ["b"] * 70 + [None] * 9))
    expected = stats.chi2_contingency([[60, 40], [30, 70]], correction=False)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.distance == pytest.approx(np.sqrt(expected.statistic / 200))


def test_levels_too_rare_for_a_column_share_one_or_join_the_smallest() -> None:
    """With enough rows between them they have a column; with too few they are counted with the rarest that has."""
    kept = np.array([True, True, False, False])
    many, few = np.array([[60, 40, 9, 8], [30, 70, 7, 9]]), np.array([[60, 40, 1, 1], [30, 70, 1, 0]])
    assert pooled(many, kept).tolist() == [[60, 40, 17], [30, 70, 16]]
    assert pooled(few, kept).tolist() == [[62, 40], [31, 70]]


def test_one_unseen_category_is_no_proof() -> None:
    """A single row with a level the reference never had leaves the p-value far from zero."""
    before = ["a", "b", "c"] * 400
    assert compare(_texts(before, ["a", "b", "c"] * 200 + ["never seen"])).p_value > 0.5


def test_many_unseen_rows_are_a_proof() -> None:
    """A third of the window in levels the reference never had is drift."""
    assert compare(_texts(["a", "b"] * 600, ["a", "b"] * 200 + ["new"] * 200)).p_value < 1e-10


def test_identifiers_do_not_alarm() -> None:
    """Levels that are all different on both sides have nothing to compare: p is 1."""
    found = compare(_texts([f"r{i}" for i in range(500)], [f"c{i}" for i in range(500)]))
    assert found.p_value == 1.0
    assert found.score == 0.0


def test_an_empty_side_is_not_compared() -> None:
    """With no value on one side nothing can be told apart: p is 1, the score 0."""
    empty = Column("x", Kind.NUMERIC, np.array([1.0, 2.0]), np.array([np.nan]))
    assert (compare(empty).p_value, compare(empty).score) == (1.0, 0.0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 400), min_size=2, max_size=40), st.lists(st.integers(0, 400), min_size=2, max_size=40))
def test_any_table_gives_a_probability(before: Any, now: Any) -> None:
    """Whatever the counts per level, the p-value lies in [0, 1] and the score is finite and not negative."""
    levels = max(len(before), len(now))
    first, second = (np.repeat(np.arange(len(counts)), counts).astype(np.int64) for counts in (before, now))
    if not len(first) or not len(second):
        return
    found = compare_codes(first, second, frequent(first, levels, len(second)))
    assert 0.0 <= found.p_value <= 1.0
    assert np.isfinite(found.score)
    assert found.score >= 0.0


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=40), st.sampled_from([0.01, 0.05, 0.2]))
def test_benjamini_hochberg_is_the_step_up_rule(p_values: Any, q: Any) -> None:
    """What the adjusted p-values reject at q is the largest k with p(k) <= k q / n, as the 1995 paper defines it."""
    ordered = sorted(p_values)
    n = len(ordered)
    steps = [p - (k + 1) * q / n for k, p in enumerate(ordered)]
    if any(abs(step) < 1e-9 for step in steps):
        return  # on the edge, rounding decides
    largest = max((k + 1 for k, step in enumerate(steps) if step <= 0), default=0)
    assert int((adjusted(p_values) <= q).sum()) == sum(p <= ordered[largest - 1] for p in p_values) * (largest > 0)


def test_nothing_to_adjust_is_nothing() -> None:
    """No columns give no p-values, not an error."""
    assert len(adjusted([])) == 0
