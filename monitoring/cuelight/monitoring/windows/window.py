"""What is judged: rows that a version answered, with what they are compared with. Reads what it needs, no more."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cuelight.journal.query import Journal, Query, Size
from cuelight.kit.settings import Settings
from cuelight.monitoring.windows.baseline import Against, Baseline, named, queries
from cuelight.monitoring.windows.extent import Extent
from cuelight.monitoring.windows.targets import Target

if TYPE_CHECKING:
    import pandas as pd

_COMPARED = ("input.*", "output.*", "personal.*")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Window:
    """Rows of one version in the order of time, those among its rows that have labels, and the moments of both.

    Attributes:
        query: which rows they are.
        rows: what went into the version and came out, as the journal names it; may be empty. Of a window that is larger
            than `monitoring.most_rows` they are a sample.
        size: how many rows it has in all.
        labelled: the newest labelled rows of the version before the window's end: its answers, `label`, `label_time`.
        start, end: first and last event time of `rows`; None without rows.
        labels_until: when the last of the labels came; None without labels.
    """

    query: Query
    rows: pd.DataFrame
    size: int
    labelled: pd.DataFrame
    start: float | None
    end: float | None
    labels_until: float | None


@dataclass(frozen=True)
class Arrivals:
    """When rows were answered, and when labels came; both in their order, seconds since the epoch."""

    rows: Floats
    labels: Floats


class Windows:
    """The windows of one version's traffic; of time before `since` (epoch s) nothing is in them."""

    def __init__(self, journal: Journal, target: Target, extent: Extent, since: float | None = None) -> None:
        self._journal = journal
        self._extent = extent
        self._all = Query(target.model, version=target.version, track=target.track or None, since=since)

    def newest(self, now: float, judged_until: float | None = None) -> Query:
        """The window to judge at a moment; `judged_until` is where the last one ended that was judged."""
        extent, since, until = self._extent, self._all.since, self._extent.until(now)
        if extent.seconds is not None:
            begin = until - extent.seconds
            return replace(self._all, since=begin if since is None else max(begin, since), until=until)
        if extent.tumbling:
            until = self._counted(now, judged_until)
        return replace(self._all, until=until, last_rows=extent.rows)

    def read(self, query: Query, now: float, settings: Settings) -> Window:
        """The window, and the newest labelled rows before its end, of the labels that had come by `now`.

        They are as many as the window has rows at most, or as it needs if it has fewer.
        """
        rows, size = self._bounded(query, settings.monitoring_most_rows)
        most, known = max(len(rows), settings.monitoring_min_rows), math.nextafter(now, math.inf)
        asked = replace(self._all, until=query.until, last_rows=most, labels_until=known)
        labelled = self._journal.labelled(asked, ["output.*"])
        labels_until = float(labelled["label_time"].max()) if len(labelled) else None
        return Window(query, rows, size.rows, labelled, size.start, size.end, labels_until)

    def baseline(self, against: Against, window: Window, reference: pd.DataFrame, settings: Settings) -> Baseline:
        """What to compare a window with: the reference, or earlier traffic of the same version."""
        if against is Against.REFERENCE or window.start is None or window.end is None:
            return Baseline(reference)
        import pandas as pd

        timed = self._extent.seconds is not None
        start = window.query.since if timed and window.query.since is not None else window.start
        end = window.query.until if timed and window.query.until is not None else math.nextafter(window.end, math.inf)
        asked = queries(against, self._extent, replace(window.query, since=None), start, end)
        most = settings.monitoring_most_rows // len(asked)
        found = [self._bounded(each, most)[0] for each in asked]
        rows = pd.concat([each for each in found if len(each)] or found[:1], ignore_index=True)
        return Baseline(rows, named(against, asked, rows), settings.monitoring_min_rows)

    def arrivals(self, since: float, now: float) -> Arrivals:
        """All that came since a moment, labels of any rows."""
        rows = self._journal.times(replace(self._all, since=since, until=None))
        asked = replace(self._all, since=None, labels_until=math.nextafter(now, math.inf))
        labels = self._journal.labelled(asked, columns=["label_time"])["label_time"]
        return Arrivals(rows, np.sort(labels.to_numpy(dtype=np.float64)))

    def _bounded(self, query: Query, most: int) -> tuple[pd.DataFrame, Size]:
        """The rows of a window, or about `most` of them where there are more: memory goes by that, not by traffic."""
        size = self._journal.size(query)
        if size.rows > most:
            query = replace(query, since=size.start, last_rows=None, share=most / size.rows)
        return self._journal.rows(query, _COMPARED), size

    def _counted(self, now: float, judged_until: float | None) -> float:
        """The moment after the last row of the newest window that is complete; of the last one judged if none is."""
        after = judged_until if judged_until is not None else self._all.since
        since = None if after is None else math.nextafter(after, math.inf)
        times = self._journal.times(replace(self._all, since=since, until=now))
        complete = self._extent.part(times, now).stop
        last = times[complete - 1] if complete else judged_until
        return 0.0 if last is None else math.nextafter(float(last), math.inf)
