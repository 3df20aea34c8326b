from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from cuelight.kit.clock import FakeClock
from cuelight.kit.errors import RegistryUnavailable
from cuelight.registry.edits import Edit, What
from cuelight.registry.rest import NoSuchPath
from cuelight.serving.following.herald import Herald


def _edit(number: int) -> Edit:
    return Edit(What.STAGE, "m", number, value="Production", number=number)


class _Feed:
    """A feed that has `edits`, takes `seconds` to say that there are no more, or fails; `asked` are its questions."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.edits: list[Edit] = []
        self.fault: Exception | None = None
        self.seconds: float | None = None
        self.asked: list[tuple[int, float]] = []

    def read(self, after: int, wait: float) -> tuple[list[Edit], int]:
        self.asked.append((after, wait))
        if self.fault:
            raise self.fault
        found = [each for each in self.edits if each.number > after]
        if not found:
            self._clock.advance(wait if self.seconds is None else self.seconds)
        return found, found[-1].number if found else after


@pytest.fixture
def feed(clock: FakeClock) -> _Feed:
    """A feed without edits."""
    return _Feed(clock)


@pytest.fixture
def herald(feed: _Feed, clock: FakeClock) -> Herald:
    """A herald that asks when it is told to."""
    return Herald(feed, clock)


def _newest(edits: Sequence[Edit]) -> Edit | None:
    return edits[-1] if edits else None


def test_it_asks_for_what_came_after_the_last_edit(herald: Herald, feed: _Feed) -> None:
    """The first question is for all that is kept, and is answered at once; each later one may wait."""
    feed.edits = [_edit(1), _edit(2)]
    herald.ask()
    feed.edits.append(_edit(3))
    herald.ask()
    herald.ask()
    assert feed.asked == [(0, 0.0), (2, 25.0), (3, 25.0)]
    assert herald.find(_newest, 0.0) == _edit(3)


def test_whoever_waits_for_readings_is_told_of_edits(feed: _Feed, herald: Herald) -> None:
    """Once an answer, and not where there are none."""
    woken = threading.Semaphore(0)
    feed.edits = [_edit(1), _edit(2)]
    herald.start(woken.release)
    assert woken.acquire(timeout=30)
    herald.stop()
    assert not woken.acquire(blocking=False)


def test_edits_are_awaited_only_where_they_are_told(herald: Herald, feed: _Feed) -> None:
    """One that is on its way is waited for; a registry that tells none holds nothing up."""
    herald.ask()
    found: list[Edit | None] = []
    waiting = threading.Thread(target=lambda: found.append(herald.find(_newest, 60.0)))
    waiting.start()
    feed.edits = [_edit(1)]
    herald.ask()
    waiting.join(30)
    assert found == [_edit(1)]

    feed.fault = RegistryUnavailable("down")
    waiting = threading.Thread(target=lambda: found.append(herald.find(lambda _: None, 3600.0)))
    waiting.start()
    herald.ask()
    waiting.join(30)
    assert found == [_edit(1), None]
    assert herald.find(lambda _: None, 3600.0) is None


def test_how_long_it_rests(herald: Herald, feed: _Feed) -> None:
    """Not after an answer that took its time; a second where it came too soon; longer while MLflow does not answer."""
    feed.edits = [_edit(1)]
    assert (herald.ask(), herald.rest) == ("MLflow tells edits of models as they are made.", 0.2)
    assert (herald.ask(), herald.rest)[1] == 0.2
    feed.seconds = 0.1
    assert (herald.ask(), herald.rest)[1] == 1.0
    feed.fault = RegistryUnavailable("down.")
    assert [(herald.ask(), herald.rest)[1] for _ in range(7)] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert herald.ask() == "No word of edits: down. They are found by reading it."
    feed.fault = NoSuchPath("what?")
    assert herald.ask() == "MLflow does not tell who edits models: edits are found by reading it."
    assert herald.rest == 600.0
    feed.fault, feed.edits = None, [_edit(1), _edit(2)]
    assert (herald.ask(), herald.rest)[1] == 0.2
    assert herald.find(_newest, 0.0) == _edit(2)


def test_it_remembers_only_so_many(herald: Herald, feed: _Feed) -> None:
    """The newest thousand."""
    feed.edits = [_edit(number) for number in range(1, 1501)]
    herald.ask()
    kept: list[Sequence[Edit]] = []
    herald.find(lambda edits: kept.append(list(edits)), 0.0)
    assert [kept[0][0].number, kept[0][-1].number] == [501, 1500]
