"""The last hour, minute by minute, as the board shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cuelight.journal.compactor import Compactor
from cuelight.journal.pulse import Pulse, Pulses
from cuelight.journal.record import Prediction
from tests.support.journal import NOON, prediction, schema, write

_HOUR = 3600.0


def _at(number: int, ago: float, **changes: Any) -> Prediction:
    return prediction(number, time=NOON + _HOUR - ago, **changes)


def _record(folder: Path, *records: Prediction, host: str = "h") -> None:
    write(folder, *records, host=host, schemas=(schema(1), schema(2)))
    Compactor(folder, retention_days=1e6).run_once()


def _pulse(pulses: Pulses, later: float = 0.0) -> Pulse:
    return pulses.read(NOON + _HOUR + 16.0 + later)["m"]


def test_the_hour_is_counted_minute_by_minute(tmp_path: Path) -> None:
    """Answered, refused and failed, of all hosts and versions; shadows are nobody's answers, and older is over."""
    _record(tmp_path, _at(1, 30.0), _at(2, 30.0, status=400), _at(3, 90.0, status=500), _at(4, 30.0, arm="shadow"))
    _record(tmp_path, _at(5, 30.0, version=2, digest="d2"), _at(6, _HOUR + 65.0), host="other")
    pulse = _pulse(Pulses(tmp_path))
    assert (pulse.whole.requests, pulse.whole.refused, pulse.whole.failed) == (4, 1, 1)
    assert [each.requests for each in pulse.minutes[-3:]] == [0, 1, 3]
    assert len(pulse.minutes) == 60
    assert pulse.versions == {1: 3, 2: 1}


def test_percentiles_are_those_of_what_was_answered_well(tmp_path: Path) -> None:
    """Within 2.5 % of the exact ones; of a minute, and of the hour, which no minute's say."""
    slow = [_at(number, 90.0, latency_ms=40.0) for number in range(10)]
    quick = [_at(100 + number, 30.0, latency_ms=1.0 + number / 100) for number in range(190)]
    _record(tmp_path, *slow, *quick, _at(999, 30.0, status=504, latency_ms=9_000.0))
    pulse = _pulse(Pulses(tmp_path))
    assert pulse.minutes[-1].p50 == pytest.approx(1.95, rel=0.026)
    assert pulse.minutes[-1].p99 == pytest.approx(2.88, rel=0.026)
    assert pulse.minutes[-2].p50 == pytest.approx(40.0, rel=0.026)
    assert pulse.whole.p99 == pytest.approx(40.0, rel=0.026)
    assert pulse.minutes[0].p50 is None


def test_what_comes_later_is_added_and_the_past_forgotten(tmp_path: Path) -> None:
    """Also when the compactor has merged what was read before: nothing counts twice."""
    pulses = Pulses(tmp_path)
    assert pulses.read(NOON) == {}
    for number in range(12):
        _record(tmp_path, _at(number, 30.0 + number), host="h")
        assert _pulse(pulses).whole.requests == number + 1
    files = {path.name for path in tmp_path.glob("requests/*/*/*/*.parquet")}
    assert any("+" in name for name in files), "nothing was merged"
    assert _pulse(pulses, later=30 * 60.0).whole.requests == 12
    assert pulses.read(NOON + 3 * _HOUR) == {}
