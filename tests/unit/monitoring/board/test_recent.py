"""What was computed a moment ago."""

from __future__ import annotations

import threading

import pytest

from cuelight.kit.clock import FakeClock
from cuelight.kit.errors import NotFound, Unavailable
from cuelight.monitoring.board.recent import Recent
from tests.support.host import eventually


def test_a_result_stays_for_its_time() -> None:
    """Made once within it, each key by itself; an error is raised, and tried again at once."""
    clock, made = FakeClock(), [0]
    recent = Recent(10.0, 60.0, clock)

    def make() -> int:
        made[0] += 1
        if made[0] == 1:
            raise NotFound("Not there.")
        return made[0]

    with pytest.raises(NotFound):
        recent.get("a", make)
    assert [recent.get("a", make), recent.get("a", make), recent.get("b", lambda: 7)] == [2, 2, 7]


def test_nobody_waits_for_what_was_there_before() -> None:
    """The old result is shown while a thread makes the new one, one thread for all who ask."""
    clock, go = FakeClock(), threading.Event()
    recent = Recent(10.0, 60.0, clock)
    assert recent.get("a", lambda: 1) == 1
    clock.advance(10.0)

    def slow() -> int:
        go.wait(60.0)
        return 2

    assert [recent.get("a", slow), recent.get("a", lambda: 99)] == [1, 1]
    go.set()
    eventually(lambda: recent.get("a", lambda: 99) == 2)


def test_what_takes_longer_than_patience_comes_later() -> None:
    """Whoever asks first is told so; then it is there."""
    go = threading.Event()
    recent = Recent(10.0, 0.0)
    with pytest.raises(Unavailable, match="being computed"):
        recent.get("a", lambda: go.wait(60.0))
    go.set()
    assert eventually(lambda: _there(recent))


def test_an_error_that_comes_late_is_told_to_the_next() -> None:
    """Once: it is no "being computed" for ever."""
    go, recent = threading.Event(), Recent(10.0, 0.0)

    def late() -> bool:
        go.wait(60.0)
        raise NotFound("Not there.")

    with pytest.raises(Unavailable):
        recent.get("a", late)
    go.set()
    assert eventually(lambda: _said(recent) == "Not there.")


def _said(recent: Recent) -> str:
    try:
        recent.get("a", lambda: threading.Event().wait(60.0))
    except (NotFound, Unavailable) as error:
        return str(error)
    return ""


def _there(recent: Recent) -> bool:
    try:
        return recent.get("a", lambda: False)
    except Unavailable:
        return False
