from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cuelight.kit.errors import BadInput
from cuelight.monitoring.backtests.moments import moments

_DAY = 86_400.0
_NOW = datetime(2026, 11, 25, 14, 5, tzinfo=UTC).timestamp()  # a Wednesday


def test_days_are_judged_at_midnight() -> None:
    """Every moment within the time that is looked back on, the first after its beginning."""
    found = [datetime.fromtimestamp(each, UTC) for each in moments(_NOW - 3 * _DAY, _NOW, _DAY)]
    assert found == [datetime(2026, 11, day, tzinfo=UTC) for day in (23, 24, 25)]
    weeks = [datetime.fromtimestamp(each, UTC).strftime("%a %d") for each in moments(_NOW - 14 * _DAY, _NOW, 7 * _DAY)]
    assert weeks == ["Mon 16", "Mon 23"]


def test_times_that_hold_no_window_or_too_many_are_refused() -> None:
    """What to change is said."""
    with pytest.raises(BadInput, match="No window lies in that time"):
        moments(_NOW - 3600.0, _NOW, _DAY)
    with pytest.raises(BadInput, match="more than 1,000: let --every be more"):
        moments(_NOW - 30 * _DAY, _NOW, 60.0)
