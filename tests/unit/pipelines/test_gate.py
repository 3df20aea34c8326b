"""Tests of the gate: floors, margins and the paired bootstrap."""

from __future__ import annotations

import numpy as np
import pytest

from cuelight.kit.errors import BadInput
from cuelight.pipelines.gate import Comparison, Costs, Evidence, Gate, Segment, compare, decide

RANDOM = np.random.default_rng(7)
HARD = RANDOM.exponential(size=600)  # rows differ much more from each other than models do


def comparison(gain: float, lower: float) -> Comparison:
    """Losses around 1."""
    return Comparison(champion=1.0, challenger=1.0 - gain, gain=gain, lower=lower, upper=2 * gain - lower, rows=600)


def test_a_floor_is_a_least_value_where_more_is_better() -> None:
    """A metric that is better when greater fails below its floor and passes on it."""
    gate = Gate(floors={"r2": 0.9})
    assert not decide(gate, Evidence({"r2": 0.89})).passed
    assert decide(gate, Evidence({"r2": 0.9})).passed


def test_a_floor_is_a_most_value_where_less_is_better() -> None:
    """A metric that is better when smaller fails above its floor, and the reason names both figures."""
    verdict = decide(Gate(floors={"rmse": 2.0}), Evidence({"rmse": 2.5}))
    assert not verdict.passed
    assert "rmse is 2.5, at most 2 is due" in verdict.reason
    assert decide(Gate(floors={"rmse": 2.0}), Evidence({"rmse": 2.0})).passed


@pytest.mark.parametrize("metrics", [{}, {"r2": float("nan")}])
def test_a_metric_that_is_missing_or_nan_fails(metrics: dict[str, float]) -> None:
    """What could not be measured does not pass."""
    assert not decide(Gate(floors={"r2": 0.0}), Evidence(metrics)).passed


def test_floors_count_also_against_a_worse_champion() -> None:
    """Beating the champion does not make up for a missed floor."""
    assert not decide(Gate(floors={"r2": 0.9}), Evidence({"r2": 0.5}, comparison(0.5, 0.4))).passed


@pytest.mark.parametrize(
    ("lower", "passed", "word"),
    [(0.01, True, "Better"), (-0.019, True, "Not worse"), (-0.021, False, "Not shown to be as good")],
)
def test_the_lower_bound_decides(lower: float, passed: bool, word: str) -> None:
    """The bound of the gain, not the gain, must stay within the margin, here 2 % of the champion's loss."""
    verdict = decide(Gate(margin=0.02), Evidence({}, comparison(0.05, lower)))
    assert verdict.passed is passed
    assert verdict.reason.startswith(word)
    assert verdict.figures["gate.gain_lower_bound"] == lower


def test_a_bound_that_is_not_a_number_fails() -> None:
    """NaN compares false with everything, and must not slip through."""
    assert not decide(Gate(), Evidence({}, comparison(0.0, float("nan")))).passed


def test_equal_models_pass_without_a_margin() -> None:
    """A model is not worse than itself."""
    assert decide(Gate(margin=0.0), Evidence({}, compare(HARD, HARD))).passed


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


def test_both_ends_of_the_interval_are_shown() -> None:
    """The bounds lie on both sides of the gain, each where 5 % of the resamples are beyond it."""
    gains = RANDOM.normal(0.1, 1.0, 400)
    found = compare(gains + 5.0, np.full(400, 5.0))
    error = gains.std() / 20.0
    assert found.lower == pytest.approx(gains.mean() - 1.645 * error, abs=0.2 * error)
    assert found.upper == pytest.approx(gains.mean() + 1.645 * error, abs=0.2 * error)
    verdict = decide(Gate(), Evidence({}, found))
    assert f"gain {found.gain:.3g}, {found.lower:.3g} to {found.upper:.3g}" in verdict.reason
    assert verdict.figures["gate.gain_upper_bound"] == found.upper


def test_each_objection_is_told() -> None:
    """A version that fails in three ways is told all three, a sentence each."""
    gate = Gate({"r2": 0.9}, segments="plan", segment_floors={"r2": 0.5}, most_time=2.0)
    parts = (Segment("free", 300, {"r2": 0.95}), Segment("paid", 300, {"r2": 0.4}))
    verdict = decide(gate, Evidence({"r2": 0.7}, segments=parts, costs=Costs((1.0, 3.0), (10, 10), 500)))
    assert not verdict.passed
    assert verdict.reason == (
        "Below the floor: r2 is 0.7, at least 0.9 is due. "
        "Where plan is paid, below the floor: r2 is 0.4, at least 0.5 is due. "
        "Its time to predict is 3 times the champion's, at most 2 is allowed."
    )


@pytest.mark.parametrize(
    ("gain", "upper", "passed"),
    [(-0.2, -0.05, False), (-0.2, 0.01, True), (-0.09, -0.05, True), (0.1, 0.2, True)],
)
def test_a_segment_fails_that_is_shown_to_be_worse_by_more_than_its_margin(
    gain: float, upper: float, passed: bool
) -> None:
    """It takes both: an interval that lies below 0, and a loss beyond the margin, here 10 %."""
    beside = Comparison(1.0, 1.0 - gain, gain, gain - 0.1, upper, 100)
    evidence = Evidence({}, comparison(0.1, 0.05), segments=(Segment("north", 100, {}, beside),))
    verdict = decide(Gate(segments="region"), evidence)
    assert verdict.passed is passed
    assert ("Where region is north, worse on the same 100 rows" in verdict.reason) is not passed


def test_a_segment_of_few_rows_is_not_judged_and_said_so() -> None:
    """Fewer than 50 rows decide nothing, however bad they look, and the verdict counts them."""
    gate = Gate(segments="plan", segment_floors={"r2": 0.5})
    bad = Comparison(1.0, 2.0, -1.0, -1.1, -0.9, 49)
    parts = (Segment("free", 50, {"r2": 0.6}), Segment("paid", 49, {}, bad))
    verdict = decide(gate, Evidence({}, comparison(0.1, 0.05), segments=parts))
    assert verdict.passed
    assert verdict.reason.endswith("None of 1 segments by plan fails; 1 of fewer than 50 rows were not judged.")


def test_limits_of_time_and_size_are_off_unless_they_are_set() -> None:
    """A heavy challenger passes by default, with its figures; a limit on either refuses it."""
    evidence = Evidence({}, comparison(0.1, 0.05), costs=Costs((0.001, 0.1), (1_000, 5_000), 500))
    assert decide(Gate(), evidence).passed
    assert decide(Gate(), evidence).figures["gate.challenger_bytes"] == 5_000.0
    assert decide(Gate(most_time=100.0, most_size=5.0), evidence).passed
    assert "time to predict is 100 times" in decide(Gate(most_time=99.0), evidence).reason
    assert "size is 5 times" in decide(Gate(most_size=4.9), evidence).reason


def test_a_segment_is_not_judged_by_what_its_rows_do_not_define() -> None:
    """A segment of one class has no area under a curve: its other floors count, and that one does not."""
    gate = Gate(segments="plan", segment_floors={"roc_auc": 0.6, "accuracy": 0.5})
    assert decide(gate, Evidence({}, segments=(Segment("free", 80, {"accuracy": 0.9}),))).passed
    assert not decide(gate, Evidence({}, segments=(Segment("free", 80, {"accuracy": 0.4}),))).passed
