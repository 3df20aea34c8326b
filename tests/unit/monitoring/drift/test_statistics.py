from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cuelight.monitoring.drift.statistics import adjusted, compare, compare_codes, frequent
from cuelight.monitoring.examination.columns import Column, Kind, pair


def _texts(reference: Sequence[str | None], current: Sequence[str | None]) -> Column:
    return pair("input.x", Kind.CATEGORICAL, pd.Series(reference, dtype=object), pd.Series(current, dtype=object))


def test_numbers_are_compared_as_scipy_does() -> None:
    """A numeric column's p-value and distance are scipy's on the rows that are finite."""
    generator = np.random.default_rng(1)
    before, now = generator.normal(size=800), generator.normal(0.2, 1, size=600)
    expected = stats.ks_2samp(before, now, method="asymp")
    holes = np.array([np.nan, np.nan])
    found = compare(Column("x", Kind.NUMERIC, np.append(before, holes), np.append(now, holes)))
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.distance == pytest.approx(expected.statistic)


def test_levels_are_compared_as_scipy_does() -> None:
    """A categorical column with frequent levels gives chi2_contingency's p-value on the plain table."""
    found = compare(_texts(["a"] * 60 + ["b"] * 40 + [None], ["a"] * 30 + ["b"] * 70 + [None] * 9))
    expected = stats.chi2_contingency([[60, 40], [30, 70]], correction=False)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.distance == pytest.approx(np.sqrt(expected.statistic / 200))


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
