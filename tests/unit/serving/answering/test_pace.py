"""What a version's work costs is learned from what it took."""

from __future__ import annotations

import random

import pytest

from cuelight.serving.answering.pace import Pace


@pytest.mark.parametrize(("fixed", "slope"), [(0.3, 0.0), (1e-4, 1e-7), (2e-3, 3e-8), (0.0, 2e-7)])
def test_fixed_and_proportional_costs_are_told_apart(fixed: float, slope: float) -> None:
    """From noisy times of small and big bodies, the cost of each size is known to within a third."""
    chance = random.Random(7)
    pace = Pace()
    for _ in range(100):
        size = chance.choice([100, 800, 6400, 100_000])
        pace.learn(1, size, (fixed + slope * size) * chance.uniform(0.8, 1.2))
    for size in (6400, 100_000):
        assert pace.expect(1, size) == pytest.approx(fixed + slope * size, rel=0.33)


def test_the_trial_says_what_to_expect_before_anything_was_seen() -> None:
    """A version that was slow in its trial is slow until it shows otherwise."""
    pace = Pace(0.05)
    assert pace.expect(1, 100) == 0.05
    for _ in range(200):
        pace.learn(1, 100, 0.001)
    assert pace.expect(1, 100) == pytest.approx(0.001, rel=0.1)


def test_noise_on_bodies_of_one_size_says_nothing_about_big_ones() -> None:
    """Times that vary from call to call are no slope: a big body is not taken to last for ever."""
    chance = random.Random(7)
    pace = Pace()
    for _ in range(200):
        pace.learn(1, 100 + chance.randrange(30), chance.expovariate(1000))
    assert pace.expect(1, 1_000_000) < 1.0


def test_calls_predicted_one_by_one_cost_each() -> None:
    """Ten predicts of a model that doesn't take calls together are ten times one."""
    pace = Pace()
    for number in (1, 3, 10, 5):
        pace.learn(number, 100 * number, 0.02 * number)
    assert pace.expect(10, 1000) == pytest.approx(10 * pace.expect(1, 100), rel=0.2)


def test_expectations_are_never_negative() -> None:
    """Whatever order times come in, work takes time."""
    pace = Pace()
    for size, seconds in ((100_000, 0.001), (100, 0.1), (50_000, 0.0), (0, 0.0)):
        pace.learn(1, size, seconds)
        assert min(pace.expect(1, 0), pace.expect(0, 1), pace.expect(1, 1_000_000)) >= 0


def test_what_falls_with_size_is_no_slope() -> None:
    """Small bodies that took longer than big ones are noise: of all sizes the mean is expected."""
    pace = Pace()
    for number in range(60):
        size, seconds = ((100, 0.3), (100_000, 0.1))[number % 2]
        pace.learn(1, size, seconds)
    assert pace.expect(1, 100) == pace.expect(1, 100_000) == pytest.approx(0.2, rel=0.1)


def test_a_burst_is_foreseen_from_the_trial() -> None:
    """What each byte adds was measured there: forty calls are known to take longer than one before they came."""
    pace = Pace(0.05, 0.0005)
    assert pace.expect(1, 100) == pytest.approx(0.05)
    assert pace.expect(1, 4000) == pytest.approx(2.0)
    for _ in range(20):
        pace.learn(1, 100, 0.05)
    assert pace.expect(1, 4000) == pytest.approx(2.0, rel=0.1)
