"""How a rollout's schedule is read from a tag."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuelight.registry.rollout import OFF, Plan, read

_SHARES = st.lists(st.floats(0.01, 100.0).map(lambda share: round(share, 2)), min_size=1, max_size=12, unique=True)


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("5,25,50,100 every 10m", Plan((5.0, 25.0, 50.0, 100.0), 600)),
        (" 5 %, 25% ,50,  100 %  Every 90 S ", Plan((5.0, 25.0, 50.0, 100.0), 90)),
        ("0.5 every 2h", Plan((0.5,), 7200)),
        ("10,100every1d", Plan((10.0, 100.0), 86_400)),
        *((text, OFF) for text in ("", "  ", "off", "OFF", "0", "no", "none", "false")),
    ],
)
def test_a_plan_is_read(text: str, plan: Plan) -> None:
    """With or without signs and spaces, in seconds, minutes, hours or days; nothing and `off` are no rollout."""
    assert read(text) == plan


_NO_PLANS = """
5,25,50 | every 10m | 5,25 every | 5,25 every m | 5,25 every 10 | 5,25 every 10w | 5,25 every 0m | 25,5 every 10m
5,5 every 10m | 0,5 every 10m | 5,,25 every 10m | 5,101 every 10m | -5 every 10m | 5;25 every 10m | 5,nan every 10m
5 every 1.5h | 5 every 400d | 5 every 10m every 10m | on | %
"""


@pytest.mark.parametrize("text", [text for line in _NO_PLANS.strip().splitlines() for text in line.split(" | ")])
def test_what_is_no_plan_is_none(text: str) -> None:
    """Shares that don't rise, no time, a time without a unit or beyond a year."""
    assert read(text) is None


@given(_SHARES, st.integers(1, 366 * 86_400))
def test_a_plan_reads_back_what_it_says(shares: list[float], seconds: int) -> None:
    """As it is shown, it may be set again."""
    plan = Plan(tuple(sorted(shares)), seconds)
    assert read(str(plan)) == plan
