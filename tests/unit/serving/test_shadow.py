"""The shadow's queue: bounded, and it never holds up whoever offers."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from cuelight.journal.record import Prediction
from cuelight.registry.model import Track, VersionId
from cuelight.registry.traffic import Traffic
from cuelight.serving.call import Asked, Call, Charge
from cuelight.serving.deployment import Deployment, Served
from cuelight.serving.scoring import Answer, Outcome
from cuelight.serving.shadow import Shadow, doubted
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


def _outcome(status: int, arm: str = "canary", version: int = 2, invalid: bool = False) -> Outcome:
    record = Prediction(0.0, "p1", "r", "", "", "m", version, "d", "Production", arm, 1, status, 1.0, 1, "", b"", b"")
    return Outcome(Answer(status, b""), record, invalid=invalid)


def test_a_bad_answer_is_asked_of_the_version_beside() -> None:
    """A fault, or one that is no prediction; not one that the caller is to blame for, and not where none is beside."""
    served = {
        ("m", track): Served(VersionId("m", number, 1, "s"), "d", "", "r", "stage", 0.0)
        for number, track in ((1, Track.PRODUCTION), (2, Track.STAGING))
    }
    shared = Deployment(1, 0.0, served, traffic={"m": Traffic(10.0)})
    call = Call(Asked("m", key="user", timeout_ms="5"), b"x")
    again = doubted(call, _outcome(500), shared)
    assert again is not None
    assert (again.asked, again.mirrors) == (Asked("m", key="user", version="1"), "p1")
    assert again.charge == Charge("m", 2, "Production", "canary", "fault")
    invalid = doubted(call, _outcome(200, "champion", 1, invalid=True), shared)
    assert invalid is not None
    assert (invalid.asked.version, invalid.charge) == ("2", Charge("m", 1, "Production", "champion", "invalid"))
    for outcome in (_outcome(200), _outcome(400), _outcome(503), _outcome(500, "pinned")):
        assert doubted(call, outcome, shared) is None
    assert doubted(call, _outcome(500), Deployment(1, 0.0, served)) is None
