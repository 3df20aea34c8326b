from __future__ import annotations

import pytest

from cuelight.kit.errors import Misconfigured
from cuelight.monitoring.schedule.cron import next_turn

NOON = 1_700_049_600.0  # 2023-11-15 12:00 UTC


@pytest.mark.parametrize(
    ("line", "after", "seconds"),
    [("*/10 * * * *", NOON, 600), ("*/10 * * * *", NOON - 1, 1), ("0 0 * * *", NOON, 12 * 3600)],
)
def test_the_next_turn_is_later_than_the_last(line: str, after: float, seconds: float) -> None:
    """A turn is the first moment of the cron line, in UTC, strictly after the given one."""
    assert next_turn(line, after) == after + seconds


@pytest.mark.parametrize(
    ("line", "days"),
    [
        ("0 0 * * 0", 4),
        ("0 0 * * 7", 4),
        ("0 0 * * sun", 4),
        ("0 0 * * 1", 5),
        ("0 0 * * 1-5", 1),
        ("0 0 * * 5-7", 2),
        ("0 0 * * 6,0", 3),
        ("0 0 * * */6", 3),
        ("0 0 * * sat-mon", 3),
        ("0 0 20 * 1", 5),
        ("0 0 17 * 1", 2),
    ],
)
def test_days_are_those_of_cron(line: str, days: int) -> None:
    """Days of the week count from Sunday as in cron, and a day of the month besides is another chance, no condition."""
    midnight = NOON - 12 * 3600  # of a Wednesday, the 15th
    assert next_turn(line, NOON) == midnight + days * 86_400


@pytest.mark.parametrize(
    "line", ["", "0 0 * * 8", "0 0 * * */0", "0 0 * * 1-", "every day", "61 * * * *", "* * * *", "0 0 31 2 *"]
)
def test_a_line_that_means_nothing_is_said(line: str) -> None:
    """What is no cron line, or names no day that will come, is the setting's fault."""
    with pytest.raises(Misconfigured, match="Schedule"):
        next_turn(line, NOON)
