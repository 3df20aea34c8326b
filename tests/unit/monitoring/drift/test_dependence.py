from __future__ import annotations

import numpy as np
import pytest

from cuelight.monitoring.drift.calibration import calibrate
from cuelight.monitoring.drift.dependence import TOGETHER, design, tell_apart
from cuelight.monitoring.drift.judgement import judge
from cuelight.monitoring.examination.columns import Column, Kind
from tests.unit.monitoring.tables import part, twenty_columns


def _correlated(columns: list[Column], share: float = 0.6) -> list[Column]:
    """The first and the fourth column, independent normals, correlated in the window alone."""
    first, fourth = columns[0], columns[3]
    mixed = share * first.current + np.sqrt(1.0 - share**2) * fourth.current
    return [*columns[:3], Column(fourth.name, fourth.kind, fourth.reference, mixed), *columns[4:]]


def test_a_change_of_correlation_is_found_and_named() -> None:
    """0 to 0.6 between two of 20 columns drifts no column, and the columns together, in each of ten windows."""
    nulls = calibrate(twenty_columns(np.random.default_rng(0), 5000, 2000), 2000)
    whole = twenty_columns(np.random.default_rng(0), 5000, 20_000)
    for index in range(10):
        window = part(whole, index * 2000, (index + 1) * 2000)
        assert not any(each.drifted for each in judge(window, 0.02, 4.0, nulls=nulls))
        drifted = [each for each in judge(_correlated(window), 0.02, 4.0, nulls=nulls) if each.drifted]
        assert [each.name for each in drifted] == [TOGETHER]
        assert set(drifted[0].carriers[:2]) == {"input.n0", "input.n3"}


def test_the_null_is_that_of_a_coin() -> None:
    """Without drift the score's mean is near 0 and its spread at most 1, as the p-value takes it to be."""
    null = calibrate(twenty_columns(np.random.default_rng(1), 3000, 800), 800)[TOGETHER]
    assert abs(null.mean) < 0.5
    assert 0.4 < null.sd < 1.1


def test_a_shift_of_single_columns_is_not_its_matter() -> None:
    """Columns that are shifted, stretched or bent one by one hang together as before."""
    columns = twenty_columns(np.random.default_rng(2), 3000, 1500)
    bent = [Column(each.name, each.kind, each.reference, np.exp(each.current) + 3) for each in columns[:14]]
    made, before = design([*bent, *columns[14:]]), design(columns)
    assert made is not None
    assert before is not None
    assert tell_apart(made).comparison.score == pytest.approx(tell_apart(before).comparison.score)


def test_categories_that_go_together_are_found() -> None:
    """Two categories and a number, independent in the reference, that depend on each other in the window."""
    generator = np.random.default_rng(3)
    codes = [generator.integers(0, 3, size=3000) for _ in range(4)]
    same = np.where(generator.random(3000) < 0.4, codes[2], codes[3])
    number = generator.normal(size=3000)
    columns = [
        Column("input.a", Kind.CATEGORICAL, codes[0], codes[2], ("x", "y", "z")),
        Column("input.b", Kind.CATEGORICAL, codes[1], same, ("x", "y", "z")),
        Column(
            "input.c", Kind.NUMERIC, generator.normal(size=3000), np.where(generator.random(3000) < 0.1, np.nan, number)
        ),
    ]
    made = design(columns)
    assert made is not None
    found = tell_apart(made)
    assert found.comparison.p_value < 1e-6
    assert set(found.carriers) == {"input.a", "input.b"}


def test_there_must_be_two_columns_and_rows() -> None:
    """One feature beside the answers, or a handful of rows, have no dependence to test; constants are no error."""
    values = np.random.default_rng(4).normal(size=500)
    one = [Column("input.a", Kind.NUMERIC, values, values), Column("output.prediction", Kind.NUMERIC, values, values)]
    assert design(one) is None
    assert TOGETHER not in calibrate(one, 200)
    few = [Column(f"input.{name}", Kind.NUMERIC, values, values[:20]) for name in "ab"]
    assert design(few) is None
    still = np.ones(500)
    flat = design([Column(f"input.{name}", Kind.NUMERIC, still, still) for name in "ab"])
    assert flat is not None
    assert tell_apart(flat).comparison.p_value == pytest.approx(0.5)
