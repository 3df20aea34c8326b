from __future__ import annotations

import re

import numpy as np
import pytest

from cuelight.monitoring.examination.columns import Column, Kind
from cuelight.monitoring.reports.drawings import HEIGHT, WIDTH, draw


def _shares(path: str) -> list[float]:
    """Heights of the steps above the bottom, next to the highest of both curves."""
    return [1.0 - float(each) / HEIGHT for each in re.findall(r"V([\d.]+) H", path)]


def test_numbers_are_drawn_as_shares_of_rows() -> None:
    """Both curves are in one scale, whatever the sizes of the samples; nulls are not drawn, but counted."""
    reference = np.concatenate([np.zeros(500), np.ones(500)])
    current = np.concatenate([np.zeros(10), np.ones(30), np.full(10, np.nan)])
    found = draw(Column("input.x", Kind.NUMERIC, reference, current))
    assert found.curves is not None
    assert (found.curves.low, found.curves.high) == (0.0, 1.0)
    before, now = _shares(found.curves.reference), _shares(found.curves.current)
    assert (before[0], before[-1]) == pytest.approx((0.5 / 0.75, 0.5 / 0.75), abs=0.01)
    assert (now[0], now[-1]) == pytest.approx((0.25 / 0.75, 1.0), abs=0.01)
    assert found.missing == pytest.approx((0.0, 0.2))
    assert found.curves.reference.endswith(f"H{WIDTH} V{HEIGHT} Z")


def test_one_outlier_does_not_hide_the_rest() -> None:
    """The plot ends where all but a few rows do; those beyond are in its last bin."""
    values = np.random.default_rng(1).normal(size=1000)
    found = draw(Column("input.x", Kind.NUMERIC, values, np.append(values, 1e12)))
    assert found.curves is not None
    assert found.curves.high < 10.0


def test_a_column_that_stands_still_is_drawn() -> None:
    """One value on both sides is one bar in the middle, and no division by nothing."""
    found = draw(Column("input.x", Kind.NUMERIC, np.full(9, 3.0), np.full(4, 3.0)))
    assert found.curves is not None
    assert max(_shares(found.curves.current)) == 1.0


def test_rare_levels_share_a_bar() -> None:
    """Seven bars for what is frequent on either side, one for the rest; shares add up to 1."""
    levels = tuple(f"level {number}" for number in range(30))
    reference, current = np.arange(300) % 30, np.array([29] * 90 + list(range(10)))
    bars = draw(Column("input.c", Kind.CATEGORICAL, reference, current, levels)).bars
    assert (len(bars), bars[0].level, bars[-1].level) == (8, "level 29", "23 others")
    assert bars[0].current == pytest.approx(0.9)
    assert (sum(each.reference for each in bars), sum(each.current for each in bars)) == pytest.approx((1.0, 1.0))
