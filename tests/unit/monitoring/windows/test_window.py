from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cuelight.journal import layout
from cuelight.journal.compactor import Compactor
from cuelight.journal.query import Journal
from cuelight.journal.record import Label
from cuelight.kit.clock import FakeClock
from cuelight.kit.settings import Settings
from cuelight.monitoring.windows.baseline import Against, Baseline
from cuelight.monitoring.windows.extent import Extent
from cuelight.monitoring.windows.targets import Target
from cuelight.monitoring.windows.window import Window, Windows
from tests.support.journal import NOON, prediction, schema, write
from tests.unit.monitoring.tables import scored

_HOUR, _DAY = 3600.0, 86_400.0
_HOURS = 24 * 35
_NOW = NOON + _HOURS * _HOUR
_SETTINGS = Settings(monitoring_min_rows=10)
_TARGET = Target("m", 1, "run", "reference.parquet", "d", None, "Production")
_REFERENCE = scored(50, 1)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Journal:
    """Five weeks with a request of two rows each hour, labelled a day later, and the first hundred anew at the end;
    another version answers beside it."""
    folder = tmp_path_factory.mktemp("journal")
    records: list[Any] = []
    for hour in range(_HOURS):
        time = NOON + hour * _HOUR
        rows = [{"x": float(hour), "city": "Oslo"}, {"x": hour + 0.5, "city": "Rome"}]
        records.append(prediction(hour, rows, time=time))
        records.append(prediction(hour, rows[:1], time=time, prediction_id=f"o{hour}", version=2, digest="d2"))
        records += [Label(time + _DAY, "m", f"p{hour}", row, hour) for row in range(2)]
    records += [Label(_NOW - 1.0, "m", f"p{hour}", 0, -1) for hour in range(100)]
    write(folder, *records, schemas=(schema(1), schema(2)))
    Compactor(folder, retention_days=1e6, clock=FakeClock(_NOW)).run_once()
    return Journal(folder)


def _windows(journal: Journal, text: str, since: float | None = None) -> Windows:
    return Windows(journal, _TARGET, Extent.parse(text), since)


def _newest(journal: Journal, text: str, now: float = _NOW, judged_until: float | None = None) -> Window:
    windows = _windows(journal, text)
    return windows.read(windows.newest(now, judged_until), now, _SETTINGS)


def _hours(window: Window | Baseline) -> list[int]:
    """Which hours its rows are of, counted from the first."""
    return sorted({round((each - NOON) / _HOUR) for each in window.rows["time"]})


@pytest.mark.parametrize("text", ["1000 rows", "30d", "500 rows tumbling"])
def test_a_window_beyond_the_bound_is_a_sample_of_it(journal: Journal, text: str) -> None:
    """About so many of its own rows, the same each time and from all of its time; its bounds and size are all's."""
    windows = _windows(journal, text)
    query = windows.newest(_NOW)
    whole = windows.read(query, _NOW, _SETTINGS)
    one, other = (windows.read(query, _NOW, replace(_SETTINGS, monitoring_most_rows=200)) for _ in range(2))
    assert whole.size == len(whole.rows) == one.size
    assert (one.start, one.end) == (whole.start, whole.end)
    pd.testing.assert_frame_equal(one.rows, other.rows)
    assert 140 < len(one.rows) < 260
    keys = [set(zip(each.rows["prediction_id"], each.rows["row"], strict=True)) for each in (one, whole)]
    assert keys[0] < keys[1]
    assert abs(one.rows["input.x"].mean() - whole.rows["input.x"].mean()) < 4 * whole.rows["input.x"].std() / 200**0.5
    earlier = windows.baseline(Against.PREVIOUS, one, _REFERENCE, replace(_SETTINGS, monitoring_most_rows=50))
    assert len(earlier.rows) < 100


_PEAK = """
import resource, sys
from pathlib import Path
import duckdb, pandas, pyarrow
from cuelight.journal.query import Journal
from cuelight.kit.settings import Settings
from cuelight.monitoring.windows.extent import Extent
from cuelight.monitoring.windows.targets import Target
from cuelight.monitoring.windows.window import Windows

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

windows = Windows(Journal(Path(sys.argv[1])), Target("m", 1, "", "", "", None), Extent.parse("300000 rows"))
before = peak()
window = windows.read(windows.newest(2e9), 2e9, Settings(monitoring_most_rows=10_000))
print(window.size, len(window.rows), peak() - before)
"""


def test_memory_goes_by_the_bound_and_not_by_the_window(tmp_path: Path) -> None:
    """A window of 300,000 rows of 48 numbers, 115 MB as a table, read in a process of its own."""
    place = layout.partition(tmp_path, layout.ROWS, "m", layout.day(NOON), "h")
    place.mkdir(parents=True)
    generator, rows = np.random.default_rng(0), 100_000
    for number in range(3):
        known = {
            "time": NOON + number + np.arange(rows) / rows,
            "prediction_id": [f"{number}-{row}" for row in range(rows)],
            "row": np.zeros(rows, int),
            "version": np.ones(rows, int),
            "arm": ["champion"] * rows,
        }
        values = {f"input.n{each}": generator.normal(size=rows) for each in range(48)}
        pq.write_table(pa.table(known | values), place / layout.file_name(f"1-{number:06d}", 1, "d"))

    child = subprocess.check_output([sys.executable, "-c", _PEAK, str(tmp_path)], text=True)
    size, judged, grown = (int(each) for each in child.split())
    assert size == 300_000
    assert 9_000 < judged < 11_000
    assert grown < 60e6  # all of it is read with 340 MB more


def test_the_newest_rows_and_the_newest_time(journal: Journal) -> None:
    """So many rows, or those of so much time: of the version, in order, with what is compared and nothing else."""
    rows, time = _newest(journal, "30 rows"), _newest(journal, "6h", now=NOON + 100 * _HOUR)
    assert list(rows.rows["input.x"]) == [number / 2 for number in range(2 * _HOURS - 30, 2 * _HOURS)]
    assert _hours(time) == [94, 95, 96, 97, 98, 99]
    known = ("time", "prediction_id", "row", "model", "input.x", "input.city", "output.prediction")
    assert set(time.rows.columns) == set(known)
    assert (time.start, time.end) == (NOON + 94 * _HOUR, NOON + 99 * _HOUR)


def test_labels_are_those_that_had_come(journal: Journal) -> None:
    """A window of an earlier moment sees the labels of that moment: none of the last day, and no later correction."""
    window = _newest(journal, "20 rows", now=NOON + 60 * _HOUR)
    assert len(window.labelled) == 20
    assert window.labelled["time"].max() == NOON + 36 * _HOUR
    assert set(window.labelled["label"]) == set(range(27, 37))
    assert window.labels_until == NOON + 60 * _HOUR
    assert set(window.labelled.columns) >= {"output.prediction", "label", "label_time"}
    assert -1 in set(_newest(journal, "1600 rows").labelled["label"])


def test_tumbling_days_are_those_of_the_calendar(journal: Journal) -> None:
    """Whenever it is asked within a day, the window is the day before."""
    for hours in (12, 23, 35):
        window = _newest(journal, "1d tumbling", now=NOON + hours * _HOUR + 60.0)
        assert _hours(window) == list(range(12))


def test_tumbling_rows_go_on_where_the_last_window_ended(journal: Journal) -> None:
    """Each row is in one window; until the next is full it is the last one again, and at first there is none."""
    judged, seen = None, list[float]()
    for hour in range(0, 45, 4):
        window = _newest(journal, "20 rows tumbling", NOON + hour * _HOUR + 1.0, judged)
        if window.end is None:
            assert hour < 10
            continue
        assert len(window.rows) == 20
        if window.end != judged:
            seen += list(window.rows["input.x"])
        judged = window.end
    assert seen == [number / 2 for number in range(80)]


def test_after_a_standstill_the_newest_complete_window_is_judged(journal: Journal) -> None:
    """What was missed in between is not caught up window by window."""
    window = _newest(journal, "20 rows tumbling", NOON + 55 * _HOUR + 1.0, judged_until=NOON + 9 * _HOUR)
    assert _hours(window) == list(range(40, 50))


def test_rows_before_a_moment_may_be_left_out(journal: Journal) -> None:
    """Neither the window nor its labelled rows go further back."""
    since = _NOW - 30 * _HOUR
    windows = _windows(journal, "2000 rows", since)
    window = windows.read(windows.newest(_NOW), _NOW, _SETTINGS)
    assert len(window.rows) == 60
    assert window.labelled["time"].min() == since


def _baseline(journal: Journal, text: str, against: Against, now: float = _NOW) -> Baseline:
    windows = _windows(journal, text)
    window = windows.read(windows.newest(now), now, _SETTINGS)
    return windows.baseline(against, window, _REFERENCE, _SETTINGS)


def test_the_previous_window_ends_where_this_one_begins(journal: Journal) -> None:
    """As much time, or as many rows; named with its moments."""
    time, rows = (_baseline(journal, text, Against.PREVIOUS, NOON + 108 * _HOUR) for text in ("1d tumbling", "40 rows"))
    assert _hours(time) == list(range(60, 84))
    assert time.name == "the previous window (2023-11-18 00:00 to 2023-11-19 00:00 UTC)"
    assert _hours(rows) == list(range(68, 88))
    assert rows.name == "the previous window (2023-11-18 08:00 to 2023-11-19 03:00 UTC)"
    assert (time.least, time.is_reference) == (10, False)


@pytest.mark.parametrize("text", ["6h", "12 rows"])
def test_the_same_weekday_is_as_long_and_whole_weeks_before(journal: Journal, text: str) -> None:
    """Six hours of the four weeks before, whether the window is cut by time or by rows."""
    found = _baseline(journal, text, Against.WEEKDAY)
    assert _hours(found) == [_HOURS - weeks * 168 - hour for weeks in (4, 3, 2, 1) for hour in range(6, 0, -1)]
    assert found.name == "the same weekday and time in the 4 weeks before"


def test_windows_of_more_than_a_week_step_by_as_many_weeks(journal: Journal) -> None:
    """They never overlap what they are compared with."""
    found = _baseline(journal, "10d", Against.WEEKDAY)
    assert max(_hours(found)) < _HOURS - 240
    assert found.name == "the same weekday and time in the 8 weeks before"


def test_without_earlier_rows_there_is_too_little_to_compare_with(journal: Journal) -> None:
    """The first window has none before it: an empty baseline, never the reference in its place."""
    found = _baseline(journal, "12 rows", Against.WEEKDAY, NOON + 20 * _HOUR)
    assert (len(found.rows), found.is_reference) == (0, False)
    assert _baseline(journal, "12 rows", Against.REFERENCE).rows is _REFERENCE


def test_only_the_days_of_the_window_are_read(tmp_path: Path) -> None:
    """A window of time does not open what other days hold: it may even be damaged."""
    for day in range(3):
        rows = [{"x": float(day), "city": "Oslo"}] * 20
        write(tmp_path, prediction(day, rows, time=NOON + day * _DAY, prediction_id=f"p{day}"))
    Compactor(tmp_path, retention_days=1e6, clock=FakeClock(NOON + 3 * _DAY)).run_once()
    days = sorted(tmp_path.glob("rows/*/*/*/*.parquet"), key=lambda path: path.parts[-3])
    for other in (days[0], days[2]):
        other.write_bytes(b"no Parquet")
    windows, now = _windows(Journal(tmp_path), "1d tumbling"), NOON + 2 * _DAY - 3600.0
    assert set(windows.read(windows.newest(now), now, _SETTINGS).rows["input.x"]) == {1.0}


def test_what_came_since_a_moment_is_counted(journal: Journal) -> None:
    """Rows from that moment on, and the labels that were known then."""
    came = _windows(journal, "10 rows").arrivals(NOON + 50 * _HOUR, NOON + 60 * _HOUR)
    assert came.rows[0] == NOON + 50 * _HOUR
    assert np.all(np.diff(came.labels) >= 0)
    assert came.labels[-1] == NOON + 60 * _HOUR
