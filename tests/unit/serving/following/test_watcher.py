from __future__ import annotations

import threading

import pytest

from cuelight.kit.clock import FakeClock
from cuelight.kit.errors import RegistryUnavailable
from cuelight.registry.memory import MemoryRegistry
from cuelight.registry.model import Snapshot
from cuelight.serving.following.watcher import Watcher


class _Slow(MemoryRegistry):
    """A registry whose snapshot takes `seconds`, counts what is asked, and can hold nothing all of a sudden."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.clock, self.seconds, self.snapshots, self.probes, self.empty = clock, 0.0, 0, 0, False
        self.strange = self.late = False

    def probe(self) -> str:
        self.probes += 1
        return super().probe()

    def snapshot(self) -> Snapshot:
        self.snapshots += 1
        self.clock.advance(self.seconds)
        if self.late:
            raise RegistryUnavailable("it took too long")
        if self.strange:
            raise ValueError("strange")
        return Snapshot() if self.empty else super().snapshot()


@pytest.fixture
def registry(clock: FakeClock) -> _Slow:
    """Model m without versions."""
    registry = _Slow(clock)
    registry.create_model("m")
    return registry


@pytest.fixture
def watcher(registry: _Slow, clock: FakeClock) -> Watcher:
    """A watcher that polls every second."""
    return Watcher(registry, 1.0, lambda: None, clock)


def test_good_readings_are_numbered(watcher: Watcher, registry: _Slow, clock: FakeClock) -> None:
    """Before the first there is none; each says when it was read."""
    assert watcher.latest is None
    assert watcher.poll()
    clock.advance(1.0)
    assert watcher.poll()
    assert watcher.latest is not None
    assert (watcher.latest.number, watcher.latest.at) == (2, clock.now())
    assert list(watcher.latest.snapshot.models) == ["m"]


def test_how_long_nothing_was_read_is_known(watcher: Watcher, registry: _Slow, clock: FakeClock) -> None:
    """From the start on; an answer to a probe is one too, an answer that can't be is none."""
    clock.advance(5.0)
    assert watcher.unread == 5.0
    watcher.poll()
    assert watcher.unread == 0.0
    registry.seconds = 10.0  # so that it is not swept at every poll
    assert [watcher.poll() for _ in range(2)] == [True, True]
    clock.advance(3.0)
    assert not watcher.poll()
    assert watcher.unread == 0.0
    registry.down = True
    clock.advance(7.0)
    watcher.poll()
    registry.down, registry.empty = False, True
    clock.advance(250.0)
    watcher.poll()
    assert watcher.unread == 267.0


def test_a_server_that_takes_too_long_is_left_alone_for_as_long(
    watcher: Watcher, registry: _Slow, clock: FakeClock
) -> None:
    """Longer and longer, up to four times; one good answer ends that, and what fails at once is asked at every poll."""
    watcher.poll()
    registry.seconds, registry.late = 10.0, True
    for times in (1.0, 2.0, 3.0, 4.0, 4.0):
        asked = registry.snapshots
        assert not watcher.poll()
        clock.advance(10.0 * times - 0.5)
        assert not watcher.poll()
        assert registry.snapshots == asked + 1
        clock.advance(1.0)
    registry.late, registry.seconds = False, 0.0
    assert watcher.poll()
    registry.seconds, registry.late = 10.0, True
    watcher.poll()
    clock.advance(10.5)
    registry.seconds = 0.0
    asked = registry.snapshots
    assert [watcher.poll() for _ in range(3)] == [False] * 3
    assert registry.snapshots == asked + 3


def test_bad_readings_keep_the_last_and_recovery_is_said(
    watcher: Watcher, registry: _Slow, capsys: pytest.CaptureFixture[str]
) -> None:
    """A registry that is down changes nothing; it is said once that it is, and once that it is back."""
    from cuelight.kit import log

    log.configure("info")
    watcher.poll()
    before = watcher.latest
    registry.down = True
    assert [watcher.poll() for _ in range(3)] == [False] * 3
    assert watcher.latest is before
    registry.down = False
    assert watcher.poll()
    assert watcher.poll()
    said = capsys.readouterr().err
    assert (said.count("registry-unavailable"), said.count("registry-back")) == (1, 1)


def test_an_empty_registry_after_a_full_one_is_a_fault(watcher: Watcher, registry: _Slow) -> None:
    """Nothing is unloaded because of it; at first sight an empty registry is just empty."""
    registry.empty = True
    assert watcher.poll()
    registry.empty = False
    assert watcher.poll()
    before = watcher.latest
    registry.empty = True
    assert not watcher.poll()
    assert watcher.latest is before
    registry.empty = False
    assert watcher.poll()


def test_an_empty_registry_at_first_sight_is_a_fault_where_models_are_served(registry: _Slow, clock: FakeClock) -> None:
    """A registry that lost its data while the follower was away unloads nothing."""
    watcher = Watcher(registry, 1.0, lambda: None, clock, expecting=True)
    registry.empty = True
    assert [watcher.poll() for _ in range(3)] == [False] * 3
    registry.empty = False
    assert watcher.poll()


def test_a_quick_registry_is_swept_every_time(watcher: Watcher, registry: _Slow) -> None:
    """Aliases and tags move no probe: where a sweep costs little, every poll is one."""
    for _ in range(5):
        watcher.poll()
    assert (registry.snapshots, registry.probes) == (5, 0)


def test_a_slow_registry_is_probed_between_sweeps(watcher: Watcher, registry: _Slow, clock: FakeClock) -> None:
    """A sweep of a second is made at most every 25; a probe that moved brings one at once."""
    registry.seconds = 1.0
    watcher.poll()
    watcher.poll()
    swept = registry.snapshots
    for _ in range(20):
        clock.advance(1.0)
        assert not watcher.poll()
    assert registry.snapshots == swept
    registry.create_version("m", "/nowhere", "r", {})
    assert watcher.poll()
    clock.advance(25.0)
    assert watcher.poll()


def test_the_thread_outlives_what_is_not_foreseen(registry: _Slow, capsys: pytest.CaptureFixture[str]) -> None:
    """An error that is none of ours is logged, once while it lasts, and the next reading is made."""
    from cuelight.kit import log

    log.configure("info")
    changed = threading.Event()
    registry.strange = True
    watcher = Watcher(registry, 0.01, changed.set)
    watcher.start()
    try:
        assert not changed.wait(0.2)
        assert capsys.readouterr().err.count("poll-failed") == 1
        registry.strange = False
        assert changed.wait(5.0)
    finally:
        watcher.stop()


def test_an_edit_that_is_told_is_read_before_its_time(watcher: Watcher, registry: _Slow, clock: FakeClock) -> None:
    """An alias moves no probe, so a big registry shows it late; told of edits without end, it is still not swept so."""
    registry.seconds = 1.0
    assert watcher.poll()
    assert watcher.poll()  # from now on it rests for 25 seconds
    clock.advance(3.0)
    watcher.hurry()
    assert not watcher.poll()
    clock.advance(1.0)
    assert watcher.poll()
    assert registry.snapshots == 3


def test_a_thread_that_waits_for_its_next_poll_hurries(registry: _Slow) -> None:
    """It reads when it is told to, and not when the interval is over; what it can't read yet, it reads soon."""
    read = threading.Semaphore(0)
    watcher = Watcher(registry, 3600.0, read.release)
    watcher.start()
    for _ in range(5):
        assert read.acquire(timeout=30)
        watcher.hurry()
    watcher.stop()
