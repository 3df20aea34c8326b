"""Which requests the shadow is asked as well."""

from __future__ import annotations

import pytest

from cuelight.journal.record import CANARY, CHAMPION, PINNED, Prediction
from cuelight.registry.traffic import Traffic
from cuelight.serving.answering.call import Asked, Call
from cuelight.serving.answering.outcome import Answer, Outcome
from cuelight.serving.answering.shadow import mirrored

_CALL = Call(Asked("", version="1", alias="champion", key="user", timeout_ms="5"), b"x")


def _outcome(arm: str = CHAMPION, status: int = 200, name: str = "p1") -> Outcome:
    record = Prediction(0.0, name, "r", "", "", "m", 1, "d", "Production", arm, 1, status, 1.0, 1, "", b"", b"")
    return Outcome(Answer(status, b""), record)


def test_staging_is_asked_the_same() -> None:
    """By the model's name, whatever the caller pinned; nobody's patience bounds it, and it says whom it repeats."""
    twin = mirrored(_CALL, _outcome(), Traffic(shadow=100.0))
    assert twin is not None
    assert twin.asked == Asked("m", track="Staging", key="user")
    assert (twin.mirrors, twin.body) == ("p1", b"x")


@pytest.mark.parametrize(
    ("outcome", "traffic"),
    [
        (_outcome(), None),
        (_outcome(), Traffic()),
        (_outcome(status=500), Traffic(shadow=100.0)),
        (_outcome(arm=CANARY), Traffic(shadow=100.0)),
        (_outcome(arm=PINNED), Traffic(shadow=100.0)),
    ],
)
def test_what_is_not_mirrored(outcome: Outcome, traffic: Traffic | None) -> None:
    """What no tag asks for, what failed, and what Production's own version did not answer."""
    assert mirrored(_CALL, outcome, traffic) is None


def test_about_the_share_that_is_asked_for_is_mirrored() -> None:
    """By lot, by the id of the prediction."""
    taken = [mirrored(_CALL, _outcome(name=f"p{number}"), Traffic(shadow=20.0)) for number in range(1000)]
    assert 150 < sum(each is not None for each in taken) < 250
