"""What earlier reports on a version count for now. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cuelight.monitoring.verdicts.rule import Earlier
from cuelight.operations.verdict import Verdict

_UNJUDGED = (Verdict.NOT_ENOUGH_DATA.value, Verdict.BAD_DATA.value)


@dataclass(frozen=True)
class Seen:
    """An earlier report: what it found, and the moments (epoch s) up to which it had seen rows and labels."""

    verdict: str
    signals: Mapping[str, bool]
    rows_until: float
    labels_until: float = 0.0


def look_back(
    reports: Sequence[Seen],
    times: np.ndarray[Any, Any],
    labels: np.ndarray[Any, Any],
    rows_until: float | None,
    labels_until: float | None,
) -> list[Earlier]:
    """Earlier reports, newest first, each with what came between it and the next newer one.

    Args:
        reports: those on this version that saw rows, newest first.
        times: moments at which the version answered its rows, in order.
        labels: moments at which labels of its rows came, in order.
        rows_until, labels_until: up to when the window that is judged now has seen both; None: all.
    """
    found, end, labels_end = [], rows_until, labels_until
    for each in reports:
        found.append(
            Earlier(
                signals=each.signals,
                rows_since=_between(times, each.rows_until, end),
                labels_since=_between(labels, each.labels_until, labels_end),
                judged=each.verdict not in _UNJUDGED,
            )
        )
        end, labels_end = each.rows_until, each.labels_until
    return found


def nothing_new(rows_until: float | None, earlier: Sequence[Earlier]) -> bool:
    """Whether the newest report has seen all that the window holds."""
    return rows_until is None or (bool(earlier) and not earlier[0].rows_since and not earlier[0].labels_since)


def _between(moments: np.ndarray[Any, Any], after: float, until: float | None) -> int:
    """How many of the moments, in their order, lie in (after, until]; None is open."""
    last = len(moments) if until is None else int(np.searchsorted(moments, until, side="right"))
    return max(0, last - int(np.searchsorted(moments, after, side="right")))
