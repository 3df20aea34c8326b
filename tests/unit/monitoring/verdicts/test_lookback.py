"""Tests of what earlier reports count for."""

from __future__ import annotations

import numpy as np

from cuelight.monitoring.verdicts.lookback import Seen, look_back, nothing_new

TIMES, LABELS = np.arange(1.0, 11.0), np.arange(21.0, 26.0)


def test_each_report_has_what_came_until_the_next_newer_one() -> None:
    """Of rows 1 to 10 and labels 21 to 25: what was seen by a report belongs to it, not to the one after."""
    reports = [Seen("drift", {"data": True}, 7.0, 23.0), Seen("bad data", {}, 3.0, 0.0)]
    newer, older = look_back(reports, TIMES, LABELS, 10.0, 25.0)
    assert (newer.rows_since, newer.labels_since, newer.judged, newer.signals) == (3, 2, True, {"data": True})
    assert (older.rows_since, older.labels_since, older.judged) == (4, 3, False)


def test_nothing_is_new_only_if_neither_rows_nor_labels_came() -> None:
    """A label that came since is reason enough to judge again; without any row there is nothing to judge."""
    seen = look_back([Seen("ok", {}, 10.0, 25.0)], TIMES, LABELS, 10.0, 25.0)
    late = look_back([Seen("ok", {}, 10.0, 24.0)], TIMES, LABELS, 10.0, 25.0)
    assert nothing_new(10.0, seen)
    assert not nothing_new(10.0, late)
    assert not nothing_new(10.0, [])
    assert nothing_new(None, [])
