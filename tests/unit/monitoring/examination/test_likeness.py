from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuelight.monitoring.examination.likeness import Cycle, likeness, same_hours

HOUR, DAY = 3600.0, 86_400.0
REFERENCE = pd.DataFrame({"time": np.arange(0, 30 * DAY, HOUR / 4), "input.x": 1.0})  # 4 rows an hour, 30 days


def _window(*hours: float) -> pd.DataFrame:
    return pd.DataFrame({"time": 100 * DAY + np.array(hours) * HOUR, "input.x": 2.0})


def test_a_window_meets_rows_of_its_own_hours() -> None:
    """Two hours of one evening are compared with those hours of every day, in their proportions, days as groups."""
    found = likeness(REFERENCE, _window(*np.linspace(20, 20.99, 60), *np.linspace(21, 21.99, 20)), "", Cycle.DAILY)
    hours = (found.rows["time"] // HOUR % 24).value_counts()
    assert dict(hours) == {20.0: 120, 21.0: 40}
    assert found.groups is not None
    assert (found.groups.count, found.groups.window_size) == (30, 80.0)


@pytest.mark.parametrize(("evening", "noon"), [(0.04, 120), (0.1, 18)])
def test_a_twentieth_of_a_window_may_lack_rows_of_its_hours(evening: float, noon: int) -> None:
    """Of 120 rows at noon and two in the evening: so many of noon's as go with two, if the evening is not that rare."""
    before = np.concatenate([np.arange(120) * DAY + 12 * HOUR, np.array([20.0, 44.0]) * HOUR])
    now = np.where(np.arange(1000) < 1000 * evening, 20 * HOUR, 12 * HOUR)
    chosen = before[same_hours(before, now, 24)] // HOUR % 24
    assert ((chosen == 12).sum(), (chosen == 20).sum()) == (noon, 2)


def test_a_week_has_its_own_hours() -> None:
    """With a weekly cycle, Thursday's noon is compared with the noons of Thursdays."""
    found = likeness(REFERENCE, _window(12.5), "", Cycle.WEEKLY)
    thursdays = found.rows["time"] // DAY % 7
    assert set(thursdays) == {100 % 7}
    assert set(found.rows["time"] // HOUR % 24) == {12.0}


def test_hours_that_the_reference_never_had_leave_little() -> None:
    """A window of the night has no rows to be compared with in a reference of the day; a few of them are left aside."""
    day = REFERENCE[REFERENCE["time"] // HOUR % 24 >= 8]
    assert not len(likeness(day, _window(*[3.0] * 50), "", Cycle.DAILY).rows)
    assert len(likeness(day, _window(*[12.0] * 98, 3.0, 3.5), "", Cycle.DAILY).rows) == 30 * 4


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 23), min_size=1, max_size=300), st.lists(st.integers(0, 23), min_size=1, max_size=300))
def test_the_shares_of_hours_are_the_window_s(there: Any, here: Any) -> None:
    """Whatever the hours: only the window's are taken, none more often than its share asks, no row twice."""
    before, now = (np.array(hours) * HOUR for hours in (there, here))
    chosen = same_hours(before, now, 24)
    assert len(set(chosen)) == len(chosen)
    taken = np.bincount(np.array(there)[chosen], minlength=24)
    shares = np.bincount(here, minlength=24) / len(here)
    assert (taken[shares == 0] == 0).all()
    assert (taken <= np.bincount(there, minlength=24)).all()
    exact = taken / np.where(shares > 0, shares, 1.0)
    if len(chosen) > 200:
        assert exact[taken > 10].max() <= 1.25 * len(chosen)


@pytest.mark.parametrize(
    ("columns", "asked", "column"),
    [
        ({"input.person": "abc"}, "person", "input.person"),
        ({"group": "abc"}, "", "group"),
        ({"group": "abc", "input.person": "xyz"}, "person", "input.person"),
        ({"group": "abc"}, "person", "group"),
        ({"group": "abc", "input.other": "abb"}, "", "group"),
        ({}, "", ""),
    ],
)
def test_groups_are_found(columns: Any, asked: Any, column: Any) -> None:
    """The input column that a setting names, else what the pipeline said; each null is a group of its own."""
    frame = pd.DataFrame({name: [*values, values[0], None, None] for name, values in columns.items()}, index=range(6))
    found = likeness(frame, frame, asked)
    assert found.column == column
    assert (found.groups is None) == (column == "")
    if found.groups is not None:
        assert list(found.groups.codes) == [0, 1, 2, 0, 3, 4]
        assert found.groups.size == pytest.approx(8 / 6)


def test_a_group_that_is_an_input_is_found_by_its_values() -> None:
    """Also where it is of another type there: then the window has it too, and its own groups count."""
    reference = pd.DataFrame({"input.x": 1.0, "input.person": [1.0, 1.0, 2.0, 2.0], "group": [1, 1, 2, 2]})
    found = likeness(reference, pd.DataFrame({"input.x": 1.0, "input.person": [5.0, 5.0, 5.0]}))
    assert found.column == "input.person"
    assert found.groups is not None
    assert (found.groups.size, found.groups.window_size) == (2.0, 3.0)


def test_what_can_not_be_done_is_said() -> None:
    """A group that is nowhere, a cycle without times, and groups too few to tell are notes, never alerts."""
    plain = pd.DataFrame({"input.x": np.arange(20.0)})
    notes = [
        *likeness(plain, _window(1.0), "person").notes,
        *likeness(plain, _window(1.0), "", Cycle.DAILY).notes,
        *likeness(plain.assign(group="a"), plain).notes,
    ]
    assert ["person is not" in notes[0].text, "event times" in notes[1].text, "1 groups" in notes[2].text] == [True] * 3
    assert not any(each.alert for each in notes)
