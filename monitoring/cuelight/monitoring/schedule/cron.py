"""Cron lines of five fields, in UTC. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cuelight.kit.errors import Misconfigured

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def next_turn(line: str, after: float) -> float:
    """First moment later than `after` that a cron line (five fields, UTC) names.

    As in cron, days of the week are 0 to 7 (both Sunday), and where both the day of the month and that of the week
    are named, either will do.

    Raises:
        Misconfigured: the line is no cron line, or names no moment that will come.
    """
    from apscheduler.triggers.cron import CronTrigger

    start = datetime.fromtimestamp(after, UTC) + timedelta(microseconds=1)
    try:
        triggers = [CronTrigger.from_crontab(each, timezone=UTC) for each in _alternatives(line)]
        moments = [trigger.get_next_fire_time(None, start) for trigger in triggers]
    except ValueError as error:
        raise Misconfigured(f"Schedule {line!r} is no cron line of five fields: {error}") from error
    found = [float(each.timestamp()) for each in moments if each is not None]
    if not found:
        raise Misconfigured(f"Schedule {line!r} names no moment that will come.")
    return min(found)


def _alternatives(line: str) -> list[str]:
    """The line as APScheduler reads it: it counts days from Monday, and wants both kinds of day to hold at once."""
    fields = line.split()
    if len(fields) != 5:
        return [line]  # APScheduler says what is wrong with it
    minute, hour, day, month, weekday = fields
    if "*" in (day, weekday):
        return [f"{minute} {hour} {day} {month} {_weekdays(weekday)}"]
    return [f"{minute} {hour} {day} {month} *", f"{minute} {hour} * {month} {_weekdays(weekday)}"]


def _weekdays(field: str) -> str:
    if field == "*":
        return field
    chosen: set[int] = set()
    for part in field.lower().split(","):
        span, _, step = part.partition("/")
        first, dash, last = ("0-6" if span == "*" else span).partition("-")
        start = _weekday(first)
        end = _weekday(last) if dash else 6 if step else start
        end += 7 if end < start else 0  # fri-sun
        chosen.update(each % 7 for each in range(start, end + 1, int(step or 1)))
    return ",".join(_WEEKDAYS[each] for each in sorted(chosen))


def _weekday(text: str) -> int:
    number = _WEEKDAYS.index(text) if text in _WEEKDAYS else int(text)
    if not 0 <= number <= 7:
        raise ValueError(f"{text} is no day of the week: 0 to 7, or sun to sat")
    return number
