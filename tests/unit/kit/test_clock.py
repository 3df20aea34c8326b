from __future__ import annotations

import threading

from cuelight.kit.clock import FakeClock, SystemClock


def test_the_fake_clock_moves_when_it_is_told_to() -> None:
    """It stands still, goes forward by what is asked for, and a wait takes no time."""
    clock = FakeClock(100.0)
    assert (clock.now(), clock.monotonic()) == (100.0, 100.0)
    clock.advance(5.0)
    assert clock.now() == 105.0
    assert clock.wait(threading.Event(), 3600.0) is False
    assert clock.monotonic() == 3705.0


def test_the_system_clock_returns_early_when_the_event_is_set() -> None:
    """A wait ends with the event, and says so."""
    event = threading.Event()
    event.set()
    clock = SystemClock()
    before = clock.monotonic()
    assert clock.wait(event, 60.0) is True
    assert clock.monotonic() - before < 30.0
