"""Tests of whether a challenger still waits in Staging, by what the history tells."""

from __future__ import annotations

from typing import Any

import pytest

from cuelight.operations.challengers import newest, still_waits
from cuelight.operations.history import Event
from cuelight.operations.kinds import Kind
from cuelight.operations.retraining import FAILED, PROMOTED, STAGED, RetrainRequest


def _request(number: int, outcome: str, version: int | None = None) -> RetrainRequest:
    detail = {"version": version}
    return RetrainRequest(number, "m", 1, "", {}, 0.0, "finished", "", 1, 0.0, None, 9.0, outcome, detail)


def _event(kind: Kind, version: int | None, **detail: Any) -> Event:
    return Event(1, "host", 1, 10.0, kind, "m", version, detail, "")


STAGED_BY_PERSON = _event(Kind.MOVED, 7, stage="Staging", before="None")
SERVED = _event(Kind.SWITCHED, 7, track="Staging", before=5)


def test_the_newest_that_passed_counts() -> None:
    """A later failure changes nothing; what went straight into Production waits no more, nor does what is before it."""
    staged, promoted, failed = _request(1, STAGED, 7), _request(2, PROMOTED, 8), _request(3, FAILED)
    assert newest([failed, staged]) == staged
    assert newest([_request(4, STAGED, 9), staged]) == _request(4, STAGED, 9)
    assert newest([failed, promoted, staged]) is None
    assert newest([failed]) is None


@pytest.mark.parametrize(
    ("events", "waits"),
    [
        ([], True),
        ([STAGED_BY_PERSON, SERVED], True),
        ([SERVED, _event(Kind.MOVED, 7, stage="Production", before="Staging")], False),
        ([SERVED, _event(Kind.MOVED, 7, stage="Archived", before="Staging")], False),
        ([SERVED, _event(Kind.SWITCHED, 8, track="Staging", before=7)], False),
        ([SERVED, _event(Kind.SWITCHED, None, track="Staging", before=7)], False),
        ([SERVED, _event(Kind.SWITCHED, 7, track="Production", before=1)], False),
        ([SERVED, _event(Kind.ROLLED_BACK, 7, track="Staging", to=1)], False),
        ([_event(Kind.MOVED, 7, stage="Archived", before="None"), STAGED_BY_PERSON], True),
        ([SERVED, _event(Kind.MOVED, 7, alias="next", before=None)], True),
        ([SERVED, _event(Kind.SWITCHED, 2, track="Production", before=1)], True),
        ([SERVED, _event(Kind.ROLLED_BACK, 1, track="Production", to=2)], True),
    ],
)
def test_it_waits_until_something_was_decided_about_it(events: list[Event], waits: bool) -> None:
    """Promoted, archived, displaced or withdrawn ends it; what others do does not."""
    assert still_waits(_request(1, STAGED, 7), events) == waits
