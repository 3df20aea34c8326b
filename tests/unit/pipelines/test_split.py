"""Tests of the split into fitted and held-out rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from cuelight.kit.errors import BadInput
from cuelight.pipelines.split import cut_time, split


def test_a_random_split_is_that_of_scikit_learn() -> None:
    """The classic 80/20 split is the one that everybody gets from the same seed."""
    parts = split(1000, 0.2, 42)
    fit, held_out = train_test_split(np.arange(1000), test_size=0.2, random_state=42)
    assert np.array_equal(parts.fit, fit)
    assert np.array_equal(parts.held_out, held_out)


@given(times=st.lists(st.integers(0, 20), min_size=2, max_size=60), share=st.floats(0.05, 0.95))
def test_held_out_rows_are_strictly_later(times: list[int], share: float) -> None:
    """Whatever the times and ties, each held-out row is later than each fitted one, and no row is lost."""
    moments = np.array(times, dtype=float)
    if len(set(times)) < 2:
        with pytest.raises(BadInput, match="same event time"):
            split(len(times), share, 0, times=moments)
        return
    parts = split(len(times), share, 0, times=moments)
    assert moments[parts.fit].max() < moments[parts.held_out].min()
    assert sorted([*parts.fit, *parts.held_out]) == list(range(len(times)))


def test_the_share_is_met_where_times_differ() -> None:
    """Of 100 rows at different times, the latest 20 are held out."""
    assert cut_time(np.arange(100.0), 0.2) == 79.0


def test_no_group_is_on_both_sides() -> None:
    """All rows of a person are fitted on, or none."""
    groups = np.repeat(np.arange(50), 4)
    parts = split(200, 0.25, 1, groups=groups)
    assert not set(groups[parts.fit]) & set(groups[parts.held_out])
    assert 20 < len(parts.held_out) < 80


def test_one_group_can_not_be_split() -> None:
    """With a single group nothing can be held out, and the error says so."""
    with pytest.raises(BadInput, match="one group"):
        split(10, 0.2, 1, groups=np.zeros(10))
