"""When drift jobs and scheduled retrainings have their turns while a stream goes on."""

from __future__ import annotations

from collections.abc import Iterator

from cuelight.kit.errors import BadInput
from cuelight.monitoring.schedule.cron import next_turn

_MOST = 2_000


def turns(cron: str, start: float, end: float) -> list[float]:
    """Moments of the drift jobs by a cron line (UTC) after `start` and until `end`.

    Raises:
        BadInput: there is none, or there are too many to be played.
        Misconfigured: the line is no cron line.
    """
    found = list(_turns(cron, start, end))
    if not found:
        raise BadInput(
            f"The stream goes on for {end - start:,.0f} s, and no drift job by {cron!r} falls into it: give another "
            "--schedule, or a lower --rate."
        )
    return found


def in_turn(jobs: list[float], cron: str, start: float, end: float) -> list[tuple[float, bool]]:
    """All moments in order, True for drift jobs; by `cron` retrainings are asked for as well (empty: they are not)."""
    retrainings = _turns(cron, start, end) if cron else ()
    return sorted([*((each, True) for each in jobs), *((each, False) for each in retrainings)])


def _turns(cron: str, start: float, end: float) -> Iterator[float]:
    turn = next_turn(cron, start)
    for _ in range(_MOST):
        if turn > end:
            return
        yield turn
        turn = next_turn(cron, turn)
    raise BadInput(
        f"More than {_MOST:,} turns by {cron!r} fall into the stream: give another schedule, such as '0 0 * * *' for "
        "one a day."
    )
