"""What was computed a moment ago."""

from __future__ import annotations

import pytest

from cuelight.kit.clock import FakeClock
from cuelight.kit.errors import Unavailable
from cuelight.monitoring.board.model.recent import Recent


def test_a_result_stays_for_its_time() -> None:
    """Made once within it, anew after it, each key by itself; an error is tried again at once."""
    clock, made = FakeClock(), [0]
    recent = Recent(10.0, clock)

    def make() -> int:
        made[0] += 1
        if made[0] == 3:
            raise Unavailable("Not now.")
        return made[0]

    assert [recent.get("a", make), recent.get("a", make), recent.get("b", lambda: 7)] == [1, 1, 7]
    clock.advance(10.0)
    assert recent.get("a", make) == 2
    clock.advance(10.0)
    with pytest.raises(Unavailable):
        recent.get("a", make)
    assert recent.get("a", make) == 4
