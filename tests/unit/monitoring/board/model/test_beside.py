"""The champion beside its challenger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cuelight.journal.compactor import Compactor
from cuelight.journal.record import Label, Prediction, Record
from cuelight.kit.clock import FakeClock
from cuelight.monitoring.board.model.beside import Beside, beside
from tests.support.journal import NOON, prediction, schema, write


def _other(number: int, arm: str, version: int = 2, **changes: Any) -> Prediction:
    fields: dict[str, Any] = {"track": "Staging", "arm": arm, "version": version, "digest": f"d{version}"}
    return prediction(number, **(fields | changes))


def _found(folder: Path, *records: Record, since: float = NOON) -> Beside | None:
    write(folder, *records, schemas=(schema(1), schema(2), schema(3)))
    Compactor(folder, clock=FakeClock(NOON)).run_once()
    return beside(folder, "m", since)


def test_a_shadow_is_asked_the_same(tmp_path: Path) -> None:
    """Failures, latency, agreement, and who is right where labels have come."""
    asked = [prediction(number, predictions=["a"], latency_ms=2.0) for number in range(4)]
    said = [_other(number, "shadow", predictions=["b" if number else "a"], latency_ms=4.0) for number in range(3)]
    failed = _other(3, "shadow", status=500)
    labels = [Label(NOON + 9, "m", f"p{number}", 0, "b") for number in range(3)]
    found = _found(tmp_path, *asked, *said, failed, *labels)
    assert found is not None
    assert (found.arm, found.old, found.new, found.first, found.last) == ("shadow", 1, 2, NOON, NOON + 3)
    lines = {each.name: (each.old, each.new) for each in found.lines}
    assert lines["requests"] == ("4", "4")
    assert lines["requests failed"] == ("0", "1")
    assert lines["p50 latency"] == ("2 ms", "4 ms")
    assert lines["accuracy on labels"] == ("0", "0.6667")
    agreement, gain = found.says
    assert agreement == "The same class for 33.3% of 3 rows."
    assert gain.startswith("On 3 labelled rows version 2 is better by 0.667 in accuracy (95% interval of the gain ")


@pytest.mark.parametrize("arm", ["canary", "control"])
def test_other_arms_answer_requests_of_their_own(tmp_path: Path, arm: str) -> None:
    """What they answered, and how often they failed."""
    asked = [prediction(number, predictions=["a"]) for number in range(4)]
    said = [_other(10 + number, arm, time=NOON + number, predictions=["b" if number else "a"]) for number in range(4)]
    found = _found(tmp_path, *asked, *said)
    assert found is not None
    assert (found.arm, found.old, found.new, found.says) == (arm, 1, 2, ())
    lines = {each.name: (each.old, each.new) for each in found.lines}
    assert lines["requests failed"] == ("0.00%", "0.00%")
    assert lines["a of the answers"] == ("1", "0.25")


def test_who_is_alone_is_beside_nobody(tmp_path: Path) -> None:
    """Also where the pair was seen longer ago."""
    assert _found(tmp_path / "alone", prediction(0)) is None
    pair = (prediction(0), _other(0, "shadow"))
    assert _found(tmp_path / "ago", *pair, since=NOON + 86_400.0) is None
    assert beside(tmp_path / "nothing", "m", 0.0) is None
