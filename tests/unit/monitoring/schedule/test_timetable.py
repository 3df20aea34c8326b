from __future__ import annotations

import pytest

from cuelight.kit.errors import Misconfigured
from cuelight.monitoring.schedule.plans import Plan
from cuelight.monitoring.schedule.timetable import Timetable
from cuelight.operations.jobs import Job

NOON = 1_700_049_600.0  # 2023-11-15 12:00 UTC
HOUR = 3600.0
HOURLY = {"drift:a": Plan("0 * * * *")}


def at_noon(*names: str) -> Timetable:
    """Jobs seen first at noon, with hourly turns."""
    return Timetable().planned(dict.fromkeys(names, HOURLY["drift:a"]), NOON)


def test_a_new_model_waits_for_its_turn() -> None:
    """A model seen first at noon is due at one, not at once, and seeing it again changes nothing."""
    table = at_noon("drift:a")
    assert table.due(NOON + HOUR - 1) == []
    assert table.due(NOON + HOUR) == ["drift:a"]
    assert table.planned(HOURLY, NOON + 99) == table


def test_missed_turns_count_once() -> None:
    """After ten missed hours the job runs once, and then waits for the next hour."""
    late = NOON + 10 * HOUR + 5
    table = at_noon("drift:a")
    assert table.planned(HOURLY, late).due(late) == ["drift:a"]
    done = table.started("drift:a", late).ended("drift:a", late + 9, 0)
    assert done.due(late + 60) == []
    assert done.due(NOON + 11 * HOUR) == ["drift:a"]


def test_the_longest_waiting_goes_first() -> None:
    """Of jobs that are due, the one whose turn was earliest is started first."""
    table = at_noon("drift:a").planned({**HOURLY, "drift:b": Plan("30 * * * *"), "drift:c": Plan("0 0 * * *")}, NOON)
    assert table.due(NOON + HOUR) == ["drift:b", "drift:a"]


def test_failures_pause_longer_each_time() -> None:
    """A job that fails is tried again after one minute, then two, then four, at most six hours; success clears it."""
    table = at_noon("drift:a")
    for failures in range(12):
        table = table.started("drift:a", NOON).failed("drift:a", NOON + 7, 1)
        assert table.jobs["drift:a"].next_at == NOON + 7 + min(6 * HOUR, 60 * 2**failures)
    assert table.jobs["drift:a"].failures == 12
    well = table.started("drift:a", NOON + 9).ended("drift:a", NOON + 10, 10).jobs["drift:a"]
    assert (well.failures, well.next_at, well.code) == (0, NOON + HOUR, 10)


def test_a_job_that_is_not_done_keeps_its_turn() -> None:
    """Stopped with its scheduler it is due at once, done elsewhere after a pause; neither is a failure."""
    table = at_noon("drift:a").started("drift:a", NOON + HOUR)
    assert table.due(NOON + HOUR) == []
    assert table.put_back("drift:a", NOON + HOUR + 1).due(NOON + HOUR + 1) == ["drift:a"]
    elsewhere = table.put_back("drift:a", NOON + HOUR + 1, 75, pause=60.0)
    assert (elsewhere.due(NOON + HOUR + 60), elsewhere.due(NOON + HOUR + 61)) == ([], ["drift:a"])
    assert elsewhere.jobs["drift:a"].failures == 0


def test_what_was_cut_off_is_tried_again() -> None:
    """After a pause, since it may be what took its scheduler down; what had ended is left alone."""
    table = at_noon("drift:a", "drift:b").started("drift:b", NOON + HOUR).ended("drift:b", NOON + HOUR, 0)
    table = table.started("drift:a", NOON + HOUR, "host", "its.log")
    assert [each.name for each in table.begun] == ["drift:a"]
    over = table.failed("drift:a", NOON + HOUR + 31, None)
    job = over.jobs["drift:a"]
    assert (job.ended, job.code, job.failures, job.next_at) == (NOON + HOUR + 31, None, 1, NOON + HOUR + 91)
    assert (job.host, job.log) == ("host", "its.log")
    assert over.jobs["drift:b"] == table.jobs["drift:b"]
    assert over.begun == []


def test_a_line_may_change() -> None:
    """From then on its turns count, but what is overdue stays so; a job without a plan has no turn and is not lost."""
    daily = {"drift:a": Plan("0 0 * * *")}
    table = at_noon("drift:a")
    changed = table.planned(daily, NOON + 60)
    assert (changed.due(NOON + HOUR), changed.due(NOON + 12 * HOUR)) == ([], ["drift:a"])
    assert table.planned(daily, NOON + HOUR).due(NOON + HOUR) == ["drift:a"]
    off = table.started("drift:a", NOON).ended("drift:a", NOON, 11).planned({}, NOON)
    assert off.due(NOON + 99 * HOUR) == []
    assert off.jobs["drift:a"] == Job("drift:a", began=NOON, ended=NOON, code=11)
    assert off.planned(HOURLY, NOON + 9 * HOUR).due(NOON + 9 * HOUR) == []
    with pytest.raises(Misconfigured):
        table.planned({"drift:b": Plan("whenever")}, NOON)


def test_jitter_spreads_turns() -> None:
    """Each turn within its bounds, always the same, and otherwise for another model, turn or host; no turn is lost."""
    plan = Plan("0 * * * *", jitter=600.0, host="one")
    delays = [plan.turn(f"drift:{number}", NOON) - NOON - HOUR for number in range(200)]
    assert all(0.0 <= delay < 600.0 for delay in delays)
    assert 250.0 < sum(delays) / 200 < 350.0
    assert delays == [plan.turn(f"drift:{number}", NOON) - NOON - HOUR for number in range(200)]
    assert Plan("0 * * * *", 600.0, "two").turn("drift:0", NOON) != plan.turn("drift:0", NOON)
    assert plan.turn("drift:0", NOON + HOUR) - plan.turn("drift:0", NOON) != HOUR
    first = plan.turn("drift:0", NOON)
    assert NOON + 2 * HOUR <= plan.turn("drift:0", first) < NOON + 2 * HOUR + 600.0


@pytest.mark.parametrize("line", ["", " ", "off", "Off "])
def test_a_schedule_may_be_off(line: str) -> None:
    """By an empty line, or the word."""
    assert Plan(line).is_off
    assert not HOURLY["drift:a"].is_off
