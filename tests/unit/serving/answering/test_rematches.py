"""Requests that are asked anew of two versions: which ones, how they are judged, and what is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from cuelight.journal.record import CANARY, CHAMPION, PINNED, Prediction
from cuelight.registry.model import Track, VersionId
from cuelight.registry.traffic import Traffic
from cuelight.serving.answering.call import Asked, Call, Party
from cuelight.serving.answering.outcome import Answer, Outcome
from cuelight.serving.answering.rematches import Rematches, Result, arrange, judge
from cuelight.serving.host.deployment import Deployment, Served
from tests.support.host import eventually

_SERVED = {
    ("m", track): Served(VersionId("m", number, 1, "s"), "d", "", "r", "stage", 0.0)
    for number, track in ((1, Track.PRODUCTION), (2, Track.STAGING))
}
SHARED = Deployment(1, 0.0, _SERVED, traffic={"m": Traffic(10.0)})
OURS, THEIRS = Party("m", 2, "Production", CANARY), Party("m", 1, "Production", CHAMPION)
CALL = Call(Asked("m", key="user", timeout_ms="5"), b"x")


def _outcome(status: int, arm: str = CANARY, version: int = 2, invalid: bool = False, name: str = "p1") -> Outcome:
    record = Prediction(0.0, name, "r", "", "", "m", version, "d", "Production", arm, 1, status, 1.0, 1, "", b"", b"")
    return Outcome(Answer(status, b""), record, invalid=invalid)


@pytest.mark.parametrize(
    ("rounds", "found"),
    [
        ([(None, 0.1)], (Result.WORSE, 0)),
        ([(0.1, 0.1), (0.1, None)], (Result.WORSE, 1)),
        ([(None, None)], (Result.NEITHER, 0)),
        ([(0.1, 0.1), (0.1, 0.1)], None),
        ([(0.9, 0.1), (0.10, 0.11), (0.11, 0.10)], (Result.EVEN, 0)),
        ([(0.1, 0.9), (0.1, 0.2), (0.1, 0.2)], (Result.SLOWER, 1)),
        ([(0.2, 0.1), (0.2, 0.1), (0.2, 0.1)], (Result.SLOWER, 0)),
        ([(0.0002, 0.0009)] * 3, (Result.EVEN, 0)),
    ],
)
def test_how_it_is_judged(rounds: list[tuple[float | None, float | None]], found: tuple[Result, int] | None) -> None:
    """By the first round in which one of them answers badly; else by the middle one of three times."""
    assert judge(rounds) == found
    turned = judge([(two, one) for one, two in rounds])
    assert (turned and turned[0]) == (found and found[0])
    if found and turned and found[0] in (Result.WORSE, Result.SLOWER):
        assert turned[1] != found[1]


def test_who_is_asked_anew() -> None:
    """Whoever answered, and the version beside; nobody where none is."""
    again = arrange(CALL, _outcome(500), SHARED)
    assert again is not None
    assert (again.mirrors, again.sides) == ("p1", (OURS, THEIRS))
    again = arrange(CALL, _outcome(200, CHAMPION, 1), SHARED)
    assert again is not None
    assert again.sides == (THEIRS, OURS)
    assert arrange(CALL, _outcome(500, PINNED), SHARED) is None
    assert arrange(CALL, _outcome(500), replace(SHARED, traffic={})) is None


class _Models:
    """Answer as they are told, by version; remember what they were asked, and what was counted."""

    def __init__(self, statuses: dict[int, Sequence[int]]) -> None:
        self._statuses = {version: list(each) for version, each in statuses.items()}
        self.asked: list[Asked] = []
        self.counted: list[tuple[Party, Result]] = []

    def answer(self, call: Call) -> Outcome:
        self.asked.append(call.asked)
        left = self._statuses[int(call.asked.version)]
        return _outcome(left.pop(0) if len(left) > 1 else left[0])

    def count(self, party: Party, result: Result) -> None:
        self.counted.append((party, result))


def _play(statuses: dict[int, Sequence[int]], name: str = "p1") -> _Models:
    models = _Models(statuses)
    again = arrange(CALL, _outcome(500, name=name), SHARED)
    assert again is not None
    Rematches(models.answer, models.count).play(again)
    return models


def test_both_are_asked_until_it_shows() -> None:
    """In turns; by number, with what the request needs and without its time-out."""
    models = _play({1: [200], 2: [200, 500]})
    assert sorted(each.version for each in models.asked) == ["1", "1", "2", "2"]
    assert replace(models.asked[0], version="") == Asked("m", key="user")
    assert models.counted == [(OURS, Result.WORSE)]
    assert _play({1: [500], 2: [200]}).counted == [(THEIRS, Result.WORSE)]
    assert _play({1: [500], 2: [500]}).counted == [(OURS, Result.NEITHER)]


def test_the_order_is_drawn_by_lot() -> None:
    """About half of the times the version that answered first is asked first."""
    first = [_play({1: [200], 2: [500]}, name=f"p{number}").asked[0].version for number in range(200)]
    assert 60 <= first.count("2") <= 140


@pytest.mark.parametrize("gone", [404, 400, 503])
def test_what_is_no_answer_counts_for_nobody(gone: int) -> None:
    """A version that is not there any more, a request that is none, a worker that is busy."""
    assert _play({1: [gone], 2: [200, 500]}).counted == []
    assert _play({1: [200, gone], 2: [200]}).counted == []


def test_what_was_badly_answered_is_asked_anew_and_now_and_then_something_else() -> None:
    """Of many good answers that come at once only the first; refusals and bad input never."""
    models = _Models({1: [200], 2: [500]})
    rematches = Rematches(models.answer, models.count)
    good, bad = _outcome(200), [_outcome(500), _outcome(200, invalid=True)]
    rematches.offer([CALL] * 4, [_outcome(400), _outcome(503), _outcome(504), _outcome(200, PINNED)], SHARED)
    rematches.offer([CALL] * 8, [good] * 4 + bad + [good] * 2, SHARED)
    eventually(lambda: len(models.counted) >= 3)
    assert models.counted == [(OURS, Result.WORSE)] * 3
