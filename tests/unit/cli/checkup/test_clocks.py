from __future__ import annotations

import time
from pathlib import Path

import pytest

from cuelight.cli.checkup import clocks
from cuelight.cli.checkup.finding import State
from cuelight.cli.checkup.greeting import Greeting
from cuelight.cli.checkup.scene import Scene
from cuelight.kit.settings import Settings
from cuelight.operations.database import Operations


@pytest.mark.parametrize(
    ("ahead", "state"),
    [
        (0.4, State.OK),
        (-2.9, State.OK),
        (5.0, State.WARNING),
        (-20.0, State.WARNING),
        (120.0, State.FAULT),
        (None, State.NOTE),
    ],
)
def test_another_clock(ahead: float | None, state: State) -> None:
    """Two seconds are tolerated beside what the exchange leaves in doubt; thirty break leases."""
    found = clocks.skewed(Greeting(200, "3.17.0", ahead, 1.0))
    assert (found.state, bool(found.mend)) == (state, state in (State.WARNING, State.FAULT))


def test_which_way_it_differs() -> None:
    """Of the registry's clock, in seconds."""
    assert "120 s behind" in clocks.skewed(Greeting(200, "", -120.0, 1.0)).says
    assert "120 s ahead" in clocks.skewed(Greeting(200, "", 120.0, 1.0)).says


def test_a_clock_that_was_set_back(tmp_path: Path) -> None:
    """The history has a line from the future: what comes next would stand before it."""
    settings = Settings(home=tmp_path)
    operations = Operations(settings.operations_url)
    operations.record("switched", "m", 1, {}, at=time.time() - 60)
    assert [each.state for each in clocks.findings(Scene(settings))] == [State.NOTE, State.OK]
    operations.record("switched", "m", 2, {}, at=time.time() + 3600)
    operations.close()
    last = list(clocks.findings(Scene(settings)))[-1]
    assert last.state == State.FAULT
    assert "s from now" in last.says
    assert "NTP" in last.mend
