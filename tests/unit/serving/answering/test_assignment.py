"""Which callers a canary answers."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cuelight.kit.identity import new_id
from cuelight.serving.answering.assignment import is_canary, is_control, place

KEYS = 100_000


@pytest.mark.parametrize("percent", [1.0, 10.0, 33.3, 50.0])
@pytest.mark.parametrize("keys", ["numbers", "ids"])
def test_a_canary_gets_its_share(percent: float, keys: str) -> None:
    """Within a χ² test at 100,000 keys, also where they count up, and where they are prediction ids."""
    made = (str(number) if keys == "numbers" else new_id() for number in range(KEYS))
    hits = sum(is_canary("wine", key, percent) for key in made)
    expected = KEYS * percent / 100
    assert stats.chisquare([hits, KEYS - hits], [expected, KEYS - expected]).pvalue > 1e-4


def test_places_are_even() -> None:
    """Over ten equal parts of the range."""
    counts = [0] * 10
    for number in range(KEYS):
        counts[int(10 * place("wine", f"user-{number}"))] += 1
    assert stats.chisquare(counts).pvalue > 1e-4


def test_models_share_no_callers() -> None:
    """Who meets one model's canary meets another's no more often than others do."""
    both = sum(is_canary("wine", str(n), 10) and is_canary("churn", str(n), 10) for n in range(KEYS))
    assert stats.binomtest(both, KEYS, 0.01).pvalue > 1e-4


@given(st.text(), st.text(), st.floats(0, 100), st.floats(0, 100))
def test_raising_the_share_moves_nobody_back(model: str, key: str, one: float, two: float) -> None:
    """Who was the canary's stays the canary's."""
    low, high = sorted((one, two))
    assert is_canary(model, key, high) or not is_canary(model, key, low)


@given(st.text(), st.text(), st.integers(0, 100), st.integers(0, 100))
def test_a_control_is_of_those_whom_a_canary_meets_last(model: str, key: str, canary: int, control: int) -> None:
    """Where both fit, nobody is in both."""
    if canary + control <= 100:
        assert not (is_canary(model, key, canary) and is_control(model, key, control))


@given(st.text(), st.text())
def test_none_is_none_and_all_is_all(model: str, key: str) -> None:
    """At 0 and at 100 percent."""
    assert not is_canary(model, key, 0.0)
    assert is_canary(model, key, 100.0)
    assert not is_control(model, key, 0.0)
    assert is_control(model, key, 100.0)


def test_it_is_the_same_in_every_process() -> None:
    """Python's own hash is not."""
    program = "from cuelight.serving.answering.assignment import place; print(place('wine', 'user-1'))"
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert float(there) == place("wine", "user-1")
