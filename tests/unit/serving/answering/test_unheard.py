"""The queue of calls that nobody waits for: bounded, and it never holds up whoever offers."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuelight.serving.answering.call import Asked, Call
from cuelight.serving.answering.unheard import Courtesy, Unheard
from tests.support.host import eventually


def _calls(count: int, size: int = 10) -> list[Call]:
    return [Call(Asked("m"), b"x" * size, mirrors=f"p{number}") for number in range(count)]


class _Slow:
    """Answers batches once it may; remembers what it was asked and what was dropped."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.seen: list[str] = []
        self.dropped = 0

    def answer(self, calls: Sequence[Call]) -> None:
        self.may.wait(10)
        self.seen += [each.mirrors for each in calls]
        if len(self.seen) == len(calls):
            raise RuntimeError("the first batch fails")

    def drop(self, number: int) -> None:
        self.dropped += number


def test_what_does_not_fit_is_dropped_and_counted() -> None:
    """By number; and a batch that fails does not end the thread."""
    slow = _Slow()
    unheard = Unheard("shadow", slow.answer, slow.drop)
    unheard.offer(_calls(5000))
    assert slow.dropped >= 3000
    slow.may.set()
    eventually(lambda: len(slow.seen) + slow.dropped == 5000)
    unheard.offer(_calls(10))
    eventually(lambda: len(slow.seen) + slow.dropped == 5010)


def test_large_bodies_are_bounded_too() -> None:
    """By their bytes, far below the number of calls."""
    slow = _Slow()
    Unheard("shadow", slow.answer, slow.drop).offer(_calls(100, size=1 << 20))
    assert slow.dropped >= 80
    slow.may.set()
    eventually(lambda: len(slow.seen) + slow.dropped == 100)


@given(st.floats(1e-6, 1.0), st.floats(0.0, 0.1))
def test_a_slice_comes_to_take_about_as_long_as_it_may(each: float, once: float) -> None:
    """Whatever a call costs, and all calls together; never less than one, or more than a batch."""
    courtesy = Courtesy()
    for _ in range(50):
        courtesy.learn(courtesy.calls, once + each * courtesy.calls, crowded=False)
    allowed = (0.0003 - once) / each
    assert courtesy.calls == 1 or courtesy.calls <= 2 + allowed
    assert courtesy.calls == 64 or courtesy.calls >= allowed / 2


def test_it_rests_for_callers_and_catches_up_without_them() -> None:
    """A hundred times what it worked while callers are answered all the time, and as long while there are none."""
    courtesy = Courtesy()
    for _ in range(20):
        courtesy.learn(5, 0.0003, crowded=True)
    assert courtesy.rest(0.0003) == pytest.approx(0.03)
    assert courtesy.rest(0.1) == 0.25
    for number in range(300):  # callers who come now and then
        courtesy.learn(5, 0.0003, crowded=number % 3 == 0)
    assert courtesy.rests <= 4
    for _ in range(20):
        courtesy.learn(5, 0.0003, crowded=False)
    assert courtesy.rest(0.0003) == 0.0003
