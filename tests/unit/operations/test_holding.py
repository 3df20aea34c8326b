from __future__ import annotations

import signal
from typing import Any

import pytest

from cuelight.kit.clock import FakeClock
from cuelight.kit.errors import Busy, Unavailable
from cuelight.operations.database import Operations
from cuelight.operations.holding import held, patiently
from tests.support.host import eventually
from tests.support.processes import killed_after

NOON = 1_700_049_600.0


def _until(operations: Operations) -> float:
    lease = operations.lease("job")
    assert lease is not None
    return lease.expires


def test_a_name_is_held_for_as_long_as_the_block_runs(url: str) -> None:
    """Also longer than the lease: it is renewed; afterwards it is free at once."""
    operations, clock = Operations(url), FakeClock(NOON)
    with held(operations, "job", 0.06, clock):
        for _ in range(3):
            clock.advance(0.05)
            eventually(lambda: _until(operations) >= clock.now() + 0.06, reason="the lease was not renewed")
            with pytest.raises(Busy, match="at work on job"), held(operations, "job", 1.0, clock):
                pytest.fail("two at a time")
    with held(operations, "job", 1.0, clock):
        pass


def test_who_was_silent_for_too_long_is_told(url: str) -> None:
    """Another has the name by then: what was done must not become known, and the other's lease is left alone."""
    operations, clock = Operations(url), FakeClock(NOON)
    with held(operations, "job", 60.0, clock) as confirm:
        confirm()
        clock.advance(61)
        with held(operations, "job", 60.0, clock) as other:
            with pytest.raises(Unavailable, match="is dropped"):
                confirm()
            other()


def _hold(url: str, results: Any) -> None:
    with held(Operations(url), "job", 60.0, FakeClock(NOON)):
        results.put(True)
        signal.pause()


def test_a_killed_holder_makes_room(url: str) -> None:
    """After its lease, not before."""
    clock = FakeClock(NOON)
    assert killed_after(_hold, url)
    operations = Operations(url)
    clock.advance(59)
    with pytest.raises(Busy), held(operations, "job", 60.0, clock):
        pytest.fail("two at a time")
    clock.advance(1)
    with held(operations, "job", 60.0, clock) as confirm:
        confirm()


class _Away:
    """Raises as a database does that is away, so many times."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self, *_: object) -> bool:
        self.left -= 1
        if self.left >= 0:
            raise Unavailable("away")
        return True


def test_a_database_that_is_away_for_a_moment_is_waited_for() -> None:
    """And for no longer than that."""
    clock = FakeClock(NOON)
    assert patiently(_Away(3), 10.0, clock)
    assert clock.now() == NOON + 3.0
    with pytest.raises(Unavailable):
        patiently(_Away(1_000), 10.0, clock)
    assert clock.now() == NOON + 13.0


def test_a_restart_of_the_database_costs_the_work_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was done is confirmed once it is back; and who is done is done, also where nobody can be told."""
    operations, clock = Operations(url), FakeClock(NOON)
    with held(operations, "job", 60.0, clock) as confirm:
        with monkeypatch.context() as patch:
            away, renew = _Away(2), operations.renew
            patch.setattr(operations, "renew", lambda *given: away() and renew(*given))
            confirm()
        assert _until(operations) == clock.now() + 60.0
        monkeypatch.setattr(operations, "release", _Away(1))
    with pytest.raises(Busy), held(operations, "job", 60.0, clock):
        pytest.fail("two at a time")
    clock.advance(60.0)
    with held(operations, "job", 60.0, clock):
        pass
