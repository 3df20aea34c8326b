from __future__ import annotations

import pytest

from cuelight.kit.errors import Misconfigured
from cuelight.monitoring.schedule.timetable import Record, Timetable, next_turn

NOON = 1_700_049_600.0  # 2023-11-15 12:00 UTC
HOURLY = {"drift:a": "0 * * * *"}


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


def test_a_new_model_waits_for_its_turn() -> None:
    """A model seen first at noon is due at one, not at once."""
    table = Timetable().seen(["drift:a"], NOON)
    assert table.due(HOURLY, NOON + 3599) == []
    assert table.due(HOURLY, NOON + 3600) == ["drift:a"]
    assert table.seen(["drift:a"], NOON + 99) == table


def test_missed_turns_count_once() -> None:
    """After ten missed hours the job runs once, and then waits for the next hour."""
    late = NOON + 36_000 + 5
    table = Timetable().seen(["drift:a"], NOON)
    assert table.due(HOURLY, late) == ["drift:a"]
    assert table.started("drift:a", late).ended("drift:a", True, late + 9).due(HOURLY, late + 60) == []


def test_the_longest_waiting_goes_first() -> None:
    """Of two jobs that are due, the one whose turn was earlier is started first."""
    table = Timetable().seen(["drift:a"], NOON).seen(["drift:b"], NOON - 3600)
    assert table.due(HOURLY | {"drift:b": "0 * * * *"}, NOON + 3600) == ["drift:b", "drift:a"]


def test_failures_pause_longer_each_time() -> None:
    """A job that fails is tried again after one minute, then two, then four; success clears it."""
    table = Timetable({"drift:a": Record(NOON)})
    for failures in range(3):
        table = table.started("drift:a", NOON).ended("drift:a", False, NOON)
        assert table.turn("drift:a", "0 * * * *") == NOON + 60 * 2**failures
    assert table.ended("drift:a", True, NOON).records["drift:a"] == Record(NOON)


def test_the_timetable_survives_a_restart() -> None:
    """What is written is read back; a damaged file is an empty timetable, not a crash."""
    table = Timetable().seen(["drift:a"], NOON).ended("drift:a", False, NOON)
    assert Timetable.from_json(table.to_json()) == table
    assert Timetable.from_json("{") == Timetable.from_json("[1]") == Timetable.from_json('{"a": {"b": 1}}')
