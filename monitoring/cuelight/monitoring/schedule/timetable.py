"""When each model's drift job is due: pure, by cron lines in UTC."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta

from cuelight.kit.errors import Misconfigured

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIRST_PAUSE, _LONGEST_PAUSE = 60.0, 6 * 3600.0


@dataclass(frozen=True)
class Record:
    """What is remembered of one job; seconds since the epoch.

    Attributes:
        since: when it was started last, or seen first.
        failures: how often it failed in a row.
        retry_at: when it is tried again after a failure.
    """

    since: float
    failures: int = 0
    retry_at: float | None = None


@dataclass(frozen=True)
class Timetable:
    """The records of all jobs, immutable."""

    records: Mapping[str, Record] = field(default_factory=dict)

    def seen(self, names: list[str], now: float) -> Timetable:
        """With the jobs that are new; their first turn is the next one, not at once."""
        new = {name: Record(now) for name in names if name not in self.records}
        return Timetable({**self.records, **new}) if new else self

    def started(self, name: str, now: float) -> Timetable:
        """With a job started: all turns before it are done."""
        record = self.records.get(name, Record(now))
        return self._with(name, replace(record, since=now, retry_at=None))

    def ended(self, name: str, well: bool, now: float) -> Timetable:
        """With a job ended; after a failure it is tried again, twice as late each time."""
        record = self.records.get(name, Record(now))
        if well:
            return self._with(name, replace(record, failures=0, retry_at=None))
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0**record.failures)
        return self._with(name, replace(record, failures=record.failures + 1, retry_at=now + pause))

    def due(self, lines: Mapping[str, str], now: float) -> list[str]:
        """Jobs whose turn has come, the longest waiting first; turns missed in between count as one."""
        turns = {name: self.turn(name, line) for name, line in lines.items() if name in self.records}
        return sorted((name for name, turn in turns.items() if turn <= now), key=lambda name: (turns[name], name))

    def turn(self, name: str, line: str) -> float:
        """When the job is due next."""
        record = self.records[name]
        return next_turn(line, record.since) if record.retry_at is None else record.retry_at

    def to_json(self) -> str:
        """Text that `from_json` reads."""
        return json.dumps({name: asdict(record) for name, record in self.records.items()}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Timetable:
        """Read what `to_json` wrote; anything else is an empty timetable."""
        try:
            return cls({str(name): Record(**record) for name, record in json.loads(text).items()})
        except (ValueError, TypeError, AttributeError):
            return cls()

    def _with(self, name: str, record: Record) -> Timetable:
        return Timetable({**self.records, name: record})


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
