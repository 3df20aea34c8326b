"""Words of a model's page."""

from __future__ import annotations

import pytest

from cuelight.monitoring.board.model.wording import span


@pytest.mark.parametrize(
    ("seconds", "says"),
    [(0.0, "0 ms"), (0.25, "250 ms"), (1.0, "1 s"), (90.0, "1.5 min"), (3_600.0, "1 h"), (200_000.0, "2.31 d")],
)
def test_a_span_is_said_in_its_largest_unit(seconds: float, says: str) -> None:
    """As people say it."""
    assert span(seconds) == says
