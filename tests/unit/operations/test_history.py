from __future__ import annotations

import pytest

from cuelight.kit.clock import FakeClock
from cuelight.operations.database import Operations
from tests.support import tampering


def _operations(url: str, writer: str = "one") -> Operations:
    return Operations(url, writer=writer, clock=FakeClock(100.0))


def test_events_come_back_in_the_order_of_time(url: str) -> None:
    """What was recorded is found by model and time, also what was recorded late; a limit keeps the newest."""
    operations = _operations(url)
    operations.record("promoted", "m", 2, {"by": "someone", "share": 0.5, "none": float("nan")})
    operations.record("refused", "m", None, {}, at=50.0)
    operations.record("promoted", "other", 1, {}, at=60.0)
    assert [(each.at, each.kind, each.model, each.version) for each in operations.history()] == [
        (50.0, "refused", "m", None),
        (60.0, "promoted", "other", 1),
        (100.0, "promoted", "m", 2),
    ]
    assert operations.history("m")[1].detail == {"by": "someone", "share": 0.5, "none": None}
    assert [each.at for each in operations.history("m", since=50.0, until=100.0)] == [50.0]
    assert [each.at for each in operations.history(limit=2)] == [60.0, 100.0]


def _filled(url: str) -> Operations:
    for writer in ("one", "two"):
        operations = _operations(url, writer)
        for number in range(4):
            operations.record("promoted", "m", number, {"n": number})
    return _operations(url)


def test_chains_of_several_writers_are_whole(url: str) -> None:
    """Untouched, the chains verify, and each writer's rows are numbered on their own."""
    operations = _filled(url)
    assert operations.verify() == []
    assert [(each.writer, each.sequence) for each in operations.history()] == [
        (writer, number) for writer in ("one", "two") for number in range(1, 5)
    ]


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE history SET detail = '{\"n\":9}' WHERE id = 2", "one: row 2 was changed"),
        ("UPDATE history SET version = NULL WHERE id = 6", "two: row 2 was changed"),
        ("UPDATE history SET at = at + 1e-6 WHERE id = 1", "one: row 1 was changed"),
        ("DELETE FROM history WHERE id IN (2, 3)", "one: rows 2 to 3 are missing"),
        ("DELETE FROM history WHERE id = 1", "one: rows 1 to 1 are missing"),
        ("DELETE FROM history WHERE id = 8", "two: the chain does not end in its row 4"),
        ("DELETE FROM history WHERE writer = 'one'", "one: the chain does not end in its row 4"),
        ("DELETE FROM history_heads WHERE writer = 'one'", "one: the chain's head is missing"),
    ],
)
def test_a_changed_or_missing_row_is_found(url: str, statement: str, says: str) -> None:
    """A row that is changed or taken away behind Cuelight's back is named."""
    operations = _filled(url)
    tampering.execute(url, statement)
    assert says in "\n".join(operations.verify())
