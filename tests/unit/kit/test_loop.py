from __future__ import annotations

import itertools
import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from cuelight.kit.clock import FakeClock
from cuelight.kit.errors import Unavailable
from cuelight.kit.log import Log, configure
from cuelight.kit.loop import Loop


class _Kept(Log):
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__("test.loop")
        self.lines: list[tuple[str, str]] = []

    def _write(self, level: int, action: str, message: str, fields: dict[str, object]) -> None:
        self.lines.append((action, message))


def _loop(script: list[Any], log: Log, clock: FakeClock | None = None) -> Loop:
    """A loop whose ticks go through `script`: a text is returned, an error raised; it stops after the last."""
    steps = iter(script)

    def tick() -> str:
        step = next(steps, None)
        if step is None:
            loop.stop()
            return ""
        if isinstance(step, Exception):
            raise step
        return str(step)

    loop = Loop(tick, lambda: 1.0, log, clock or FakeClock())
    return loop


def test_a_sentence_is_logged_when_it_changes() -> None:
    """What stays the same is said once; the same sentence after another one is said again."""
    log = _Kept()
    _loop(["a", "a", "b", "b", "a"], log).run()
    assert [message for action, message in log.lines if action == "tick"] == ["a", "b", "a"]


def test_a_tick_that_raises_does_not_end_the_loop() -> None:
    """A failure is logged once while it lasts, and the next tick runs as if nothing had been."""
    log = _Kept()
    _loop(["a", ValueError("x"), ValueError("x"), ValueError("y"), "a"], log).run()
    assert log.lines == [("tick", "a"), ("tick-failed", "x"), ("tick-failed", "y"), ("tick", "a")]


def test_what_was_foreseen_is_told_without_a_trace(capsys: pytest.CaptureFixture[str]) -> None:
    """A database that is away is one line, as the error says it; where a fault of ours came from is in the log."""
    configure()
    _loop([Unavailable("The database is away."), KeyError("x")], Log("test.loop")).run()
    foreseen, fault = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (foreseen["level"], foreseen["message"]) == ("warning", "The database is away.")
    assert "trace" not in foreseen
    assert (fault["level"], "KeyError" in fault["trace"]) == ("error", True)


def test_an_interval_that_raises_does_not_end_the_loop() -> None:
    """The pause after it is a second."""
    log, clock, ticks = _Kept(), FakeClock(0.0), []

    def tick() -> str:
        ticks.append(clock.now())
        if len(ticks) == 3:
            loop.stop()
        return ""

    def interval() -> float:
        raise OSError("gone")

    loop = Loop(tick, interval, log, clock)
    loop.run()
    assert ticks == [0.0, 1.0, 2.0]
    assert log.lines[0] == ("interval-failed", "gone")


def test_ticks_are_an_interval_apart_and_jittered() -> None:
    """Pauses stay within the jitter, and are not all alike."""
    clock, moments = FakeClock(0.0), []

    def tick() -> str:
        moments.append(clock.now())
        if len(moments) == 50:
            loop.stop()
        return ""

    loop = Loop(tick, lambda: 10.0, _Kept(), clock, jitter=0.1)
    loop.run()
    pauses = [later - sooner for sooner, later in itertools.pairwise(moments)]
    assert all(9.0 <= pause <= 11.0 for pause in pauses)
    assert len(set(pauses)) > 10


def test_stop_ends_a_loop_that_waits() -> None:
    """A loop in the middle of a long pause ends at once when it is told to."""
    ticked = threading.Event()

    def tick() -> str:
        ticked.set()
        return "x"

    loop = Loop(tick, lambda: 3600.0, _Kept())
    thread = threading.Thread(target=loop.run)
    thread.start()
    assert ticked.wait(5)
    loop.stop()
    thread.join(5)
    assert not thread.is_alive()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_the_loop(number: signal.Signals) -> None:
    """SIGTERM and SIGINT end it after the tick that runs."""
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    try:

        def tick() -> str:
            os.kill(os.getpid(), number)
            return "x"

        loop = Loop(tick, lambda: 60.0, _Kept())
        loop.stop_on_signals()
        loop.run()
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def test_a_full_disk_is_told_once(tmp_path: Path) -> None:
    """The names of temporary files in an error make no news of it."""
    log = _Kept()
    number = itertools.count()

    def tick() -> str:
        raise OSError(28, "No space left on device", str(tmp_path / f"{next(number)}"))

    loop = Loop(tick, lambda: 1.0, log)
    assert len({loop.turn() for _ in range(3)}) == 1
