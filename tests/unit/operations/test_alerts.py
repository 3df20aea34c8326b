from __future__ import annotations

import pytest

from cuelight.kit.clock import FakeClock
from cuelight.operations import schema
from cuelight.operations.alerts import Alert, Severity, State
from cuelight.operations.database import Operations
from tests.support import tampering


@pytest.fixture
def operations(url: str) -> Operations:
    """A new operations database."""
    return Operations(url, clock=FakeClock(100.0))


def alert(number: int) -> Alert:
    """One of many."""
    return Alert(f"id{number}", "t", 1.0, Severity.WARNING, f"title {number}", "text", "m", None)


def test_events_are_read_on_from_where_one_stopped(url: str, operations: Operations) -> None:
    """By writer, in the order in which they came, a few at a time; none twice, and none left out."""
    other = Operations(url, writer="two", clock=FakeClock(50.0))
    for number in range(3):
        operations.record("a", "m", number, {})
        other.record("b", "m", number, {})
    read: dict[str, int] = {}
    found = []
    while events := operations.history_after(read, 4):
        assert len(events) <= 4
        found += [(event.writer, event.version) for event in events]
        read |= {event.writer: event.sequence for event in events}
    assert found == [(writer, number) for number in range(3) for writer in ("local", "two")]
    assert read == {"local": 3, "two": 3}


def test_alerts_wait_for_each_channel_until_they_are_noted(operations: Operations) -> None:
    """In their order, each channel for itself; what came of a try is kept, and how many there were."""
    assert operations.keep_alerts(operations.bookmark(), {"a": 1}, [alert(1), alert(2)], ["log", "webhook"])
    assert operations.bookmark().document == {"a": 1}
    first = operations.first_waiting("webhook")
    assert first is not None
    assert (first.alert, first.tries, first.tried_at, first.next_at) == (alert(1), 0, None, 0.0)
    operations.note_delivery(first, State.WAITING, "host", "500", now=10.0, next_at=15.0)
    again = operations.first_waiting("webhook")
    assert again is not None
    assert (again.alert.id, again.tries, again.tried_at, again.next_at) == ("id1", 1, 10.0, 15.0)
    operations.note_delivery(again, State.DELIVERED, "host", "200: ok", now=15.0, next_at=0.0)
    second = operations.first_waiting("webhook")
    assert second is not None
    assert second.alert.id == "id2"
    shown = [(each.alert.id, each.channel, each.state, each.answer) for each in operations.deliveries()]
    assert shown == [
        ("id1", "log", State.WAITING, ""),
        ("id1", "webhook", State.DELIVERED, "200: ok"),
        ("id2", "log", State.WAITING, ""),
        ("id2", "webhook", State.WAITING, ""),
    ]
    assert [each.alert.id for each in operations.deliveries(limit=2)] == ["id2", "id2"]
    assert operations.first_waiting("email") is None


def test_two_readers_do_not_tell_the_same_twice(operations: Operations) -> None:
    """Whoever keeps the bookmark second, of two that read the same, writes nothing."""
    last = operations.bookmark()
    assert operations.keep_alerts(last, {"mine": 1}, [alert(1)], ["log"])
    assert not operations.keep_alerts(last, {"yours": 1}, [alert(2)], ["log"])
    assert operations.bookmark().document == {"mine": 1}
    assert [each.alert.id for each in operations.deliveries()] == ["id1"]


def test_what_happened_before_there_were_alerts_is_no_news(url: str, operations: Operations) -> None:
    """A database of an older Cuelight is brought forward to where its history ends."""
    operations.record("refused", "m", 1, {})
    operations.close()
    tampering.execute(
        url,
        *(f"DROP TABLE {table}" for table in ("hosts", "tokens", "jobs", "deliveries", "alerts", "alert_bookmark")),
        "ALTER TABLE retrains DROP COLUMN stops",
        "UPDATE alembic_version SET version_num = '0002'",
    )
    newer = Operations(url)
    newer.record("refused", "m", 2, {})
    document = newer.bookmark().document
    assert document == {"read": {"local": 1}, "troubles": {}}
    assert [event.version for event in newer.history_after(document["read"], 10)] == [2]
    with tampering.opened(url) as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == schema.NEWEST
