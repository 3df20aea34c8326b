from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuelight.kit.errors import BadInput, Misconfigured
from cuelight.kit.settings import Settings
from cuelight.monitoring.windows.extent import Extent

_DAY = 86_400.0


@pytest.mark.parametrize(
    ("text", "extent"),
    [
        ("2000 rows", Extent(rows=2000)),
        ("1 row", Extent(rows=1)),
        (" 500rows tumbling ", Extent(rows=500, tumbling=True)),
        ("1d", Extent(seconds=_DAY)),
        ("90m sliding", Extent(seconds=5400.0)),
        ("7d tumbling", Extent(seconds=7 * _DAY, tumbling=True)),
    ],
)
def test_a_window_is_a_text(text: str, extent: Extent) -> None:
    """Rows or time, sliding unless it says that it tumbles; and as a text it is read back."""
    assert Extent.parse(text) == extent
    assert Extent.parse(str(extent)) == extent


@pytest.mark.parametrize(
    "text", ["", "2000", "0 rows", "0d", "-5 rows", "1.5d", "1w", "1d rolling", "rows", "1d 2 rows"]
)
def test_what_is_no_window_says_what_one_is(text: str) -> None:
    """Neither rows nor time, none of either, or of another kind."""
    with pytest.raises(BadInput, match="is no window: give rows or time, such as `2000 rows`, `1d`"):
        Extent.parse(text)


def test_tumbling_windows_begin_at_midnight_and_on_mondays() -> None:
    """The newest complete one ended at the last full hour, midnight or Monday, in UTC."""
    now = datetime(2026, 11, 25, 14, 5, tzinfo=UTC).timestamp()  # a Wednesday
    sizes = ("15m tumbling", "6h tumbling", "1d tumbling", "7d tumbling")
    assert [datetime.fromtimestamp(Extent.parse(text).until(now), UTC) for text in sizes] == [
        datetime(2026, 11, 25, 14, 0, tzinfo=UTC),
        datetime(2026, 11, 25, 12, 0, tzinfo=UTC),
        datetime(2026, 11, 25, 0, 0, tzinfo=UTC),
        datetime(2026, 11, 23, 0, 0, tzinfo=UTC),
    ]
    assert Extent.parse("1d").until(now) == now


@given(st.floats(0.0, 4e9), st.integers(1, 10_000_000))
def test_a_tumbling_window_is_judged_once_it_is_complete(now: float, seconds: int) -> None:
    """It has ended, the next one has not, and it ends where the next one begins."""
    extent = Extent(seconds=float(seconds), tumbling=True)
    end = extent.until(now)
    assert end <= now < end + seconds
    assert extent.until(end) == end


def test_a_setting_that_is_no_window_is_named() -> None:
    """Who reads the message knows what to change."""
    with pytest.raises(Misconfigured, match=r"Setting `monitoring\.window`: 'a day' is no window"):
        Extent.of(Settings(monitoring_window="a day"))


@given(st.lists(st.integers(0, 300), max_size=60), st.integers(1, 9), st.booleans(), st.booleans())
def test_windows_of_rows_and_time(moments: list[int], size: int, by_rows: bool, tumbling: bool) -> None:
    """As the definition says at every moment: the newest, of the length; and tumbling ones have no row in common."""
    times = np.sort(np.array(moments, dtype=np.float64))
    extent = Extent(size, None, tumbling) if by_rows else Extent(None, 10.0 * size, tumbling)
    judged_until, seen = None, list[int]()
    for now in range(0, 320, 7):
        part = extent.part(times, now, judged_until)
        end = extent.until(now)
        found = range(len(times))[part]
        if extent.seconds is not None:
            assert list(found) == [at for at, time in enumerate(times) if end - extent.seconds <= time < end]
        elif not tumbling:
            assert list(found) == [at for at, time in enumerate(times) if time < now][-size:]
        else:
            assert len(found) in (0, size)
        if found and times[found[-1]] != judged_until:
            assert (
                not tumbling or not seen or found[0] > seen[-1] or (by_rows and times[found[0]] <= (judged_until or 0))
            )
            seen += found
            judged_until = float(times[found[-1]])
