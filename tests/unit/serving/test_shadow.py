"""The shadow's queue: bounded, and it never holds up whoever offers."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from cuelight.serving.call import Asked, Call
from cuelight.serving.shadow import Shadow
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
    shadow = Shadow(slow.answer, slow.drop)
    shadow.offer(_calls(5000))
    assert slow.dropped >= 3000
    slow.may.set()
    eventually(lambda: len(slow.seen) + slow.dropped == 5000, 10)
    shadow.offer(_calls(10))
    eventually(lambda: len(slow.seen) + slow.dropped == 5010, 10)


def test_large_bodies_are_bounded_too() -> None:
    """By their bytes, far below the number of calls."""
    slow = _Slow()
    Shadow(slow.answer, slow.drop).offer(_calls(100, size=1 << 20))
    assert slow.dropped >= 80
    slow.may.set()
    eventually(lambda: len(slow.seen) + slow.dropped == 100, 10)
