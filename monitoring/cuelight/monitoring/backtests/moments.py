"""When the jobs of a backtest would have run. Pure."""

from __future__ import annotations

import math

from cuelight.kit.errors import BadInput
from cuelight.monitoring.windows.extent import MONDAY

MOST = 1_000  # windows of one backtest


def moments(since: float, now: float, every: float) -> list[float]:
    """Each moment after `since` and up to `now`, so many seconds apart; midnight UTC and Monday are among them.

    Raises:
        BadInput: there is none, or they are more than a thousand.
    """
    first = math.floor((since - MONDAY) / every) + 1
    last = math.floor((now - MONDAY) / every)
    if last < first:
        raise BadInput("No window lies in that time: give --every less than --since.")
    if last - first >= MOST:
        raise BadInput(f"These are {last - first + 1:,} windows, more than {MOST:,}: let --every be more.")
    return [MONDAY + number * every for number in range(first, last + 1)]
