"""Tests of the gate: floors, margins and the paired bootstrap."""

from __future__ import annotations

import numpy as np
import pytest

from cuelight.kit.errors import BadInput
from cuelight.pipelines.gate import Comparison, Gate, compare, decide

RANDOM = np.random.default_rng(7)
HARD = RANDOM.exponential(size=600)  # rows differ much more from each other than models do


def comparison(gain: float, lower: float) -> Comparison:
    """Losses around 1."""
    return Comparison(champion=1.0, challenger=1.0 - gain, gain=gain, lower=lower, rows=600)


def test_a_floor_is_a_least_value_where_more_is_better() -> None:
    """A metric that is better when greater fails below its floor and passes on it."""
    gate = Gate(floors={"r2": 0.9})
    assert not decide(gate, {"r2": 0.89}).passed
    assert decide(gate, {"r2": 0.9}).passed


def test_a_floor_is_a_most_value_where_less_is_better() -> None:
    """A metric that is better when smaller fails above its floor, and the reason names both figures."""
    verdict = decide(Gate(floors={"rmse": 2.0}), {"rmse": 2.5})
    assert not verdict.passed
    assert "rmse is 2.5, at most 2 is due" in verdict.reason
    assert decide(Gate(floors={"rmse": 2.0}), {"rmse": 2.0}).passed


@pytest.mark.parametrize("metrics", [{}, {"r2": float("nan")}])
def test_a_metric_that_is_missing_or_nan_fails(metrics: dict[str, float]) -> None:
    """What could not be measured does not pass."""
    assert not decide(Gate(floors={"r2": 0.0}), metrics).passed


def test_floors_count_also_against_a_worse_champion() -> None:
    """Beating the champion does not make up for a missed floor."""
    assert not decide(Gate(floors={"r2": 0.9}), {"r2": 0.5}, comparison(0.5, 0.4)).passed


@pytest.mark.parametrize(
    ("lower", "passed", "word"),
    [(0.01, True, "Better"), (-0.019, True, "Not worse"), (-0.021, False, "Not shown to be as good")],
)
def test_the_lower_bound_decides(lower: float, passed: bool, word: str) -> None:
    """The bound of the gain, not the gain, must stay within the margin, here 2 % of the champion's loss."""
    verdict = decide(Gate(margin=0.02), {}, comparison(0.05, lower))
    assert verdict.passed is passed
    assert verdict.reason.startswith(word)
    assert verdict.figures["gate.gain_lower_bound"] == lower


def test_a_bound_that_is_not_a_number_fails() -> None:
    """NaN compares false with everything, and must not slip through."""
    assert not decide(Gate(), {}, comparison(0.0, float("nan"))).passed


def test_equal_models_pass_without_a_margin() -> None:
    """A model is not worse than itself."""
    assert decide(Gate(margin=0.0), {}, compare(HARD, HARD)).passed


def test_pairing_sees_a_gain_that_the_rows_differences_would_drown() -> None:
    """A steady small gain on every row is found, though rows differ a hundred times as much."""
    found = compare(HARD, HARD - 0.01)
    assert found.lower == pytest.approx(0.01, abs=1e-9)
    shuffled = compare(RANDOM.permutation(HARD), HARD - 0.01)
    assert shuffled.lower < 0.0


def test_the_bound_holds_its_level() -> None:
    """Of 100 comparisons of equally good models, about 5 are called better, not many more."""
    random = np.random.default_rng(1)
    better = sum(
        compare(random.exponential(size=100), random.exponential(size=100), seed=turn).lower > 0 for turn in range(100)
    )
    assert 1 <= better <= 12


def test_losses_of_other_rows_are_refused() -> None:
    """Losses of different lengths can't be paired, and none can't be averaged."""
    with pytest.raises(BadInput, match="same rows"):
        compare(HARD, HARD[:-1])
    with pytest.raises(BadInput):
        compare(np.array([]), np.array([]))
