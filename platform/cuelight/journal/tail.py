"""The newest requests of a window, and those that come: also what is not compacted yet."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from cuelight.journal import layout
from cuelight.journal.fresh import Segments
from cuelight.journal.query import Journal, Query
from cuelight.journal.record import Prediction
from cuelight.journal.retries import last_attempts
from cuelight.kit.clock import Clock, SystemClock

Entry = dict[str, Any]
COLUMNS = (
    "time",
    "prediction_id",
    "request_id",
    "client",
    "caller",
    "version",
    "track",
    "arm",
    "generation",
    "status",
    "latency_ms",
    "rows",
    "media_type",
    "error",
)
_LATE_SECONDS = 600.0  # what is compacted unseen was recorded in this time


class Tail:
    """The requests of a window, without their bodies, as they are recorded; each once, of all hosts.

    Segments are read on from where they were read up to. What is compacted between two looks is found in Parquet, in
    the files that were not there before.
    """

    def __init__(self, folder: Path, query: Query, clock: Clock | None = None) -> None:
        self._folder = folder
        self._query = query
        self._clock = clock or SystemClock()
        self._began = self._clock.now()
        self._segments = Segments(folder)
        self._files = self._listed()
        self._seen: dict[tuple[str, str, int], float] = {}

    def newest(self, count: int) -> list[Entry]:
        """The newest so many, in the order of time; to be asked for first, if at all."""
        fresh = heapq.nlargest(count, self._fresh(), key=_time)
        self._files = self._listed()  # after the segments, or what the compactor moves in between is missed
        table = Journal(self._folder).requests_table(replace(self._query, last_rows=count), COLUMNS)
        return sorted((*fresh, *self._unseen(table.to_pylist())), key=_time)[-count:]

    def new(self) -> list[Entry]:
        """What came since the last call, in the order of time."""
        found = [*self._fresh(), *self._compacted()]
        long_ago = self._clock.now() - 2 * _LATE_SECONDS
        self._seen = {key: at for key, at in self._seen.items() if at >= long_ago}
        return sorted(found, key=_time)

    def _fresh(self) -> Iterator[Entry]:
        came = last_attempts(each for each in self._segments.new() if isinstance(each, Prediction))
        mine = (each for each in came if self._query.takes(each))
        return self._unseen({name: getattr(each, name) for name in COLUMNS} for each in mine)

    def _compacted(self) -> Iterator[Entry]:
        known, self._files = self._files, self._listed()
        if self._files <= known:
            return iter(())
        since = max(self._query.since or 0.0, self._began, self._clock.now() - _LATE_SECONDS)
        table = Journal(self._folder).requests_table(replace(self._query, since=since), COLUMNS)
        return self._unseen(table.to_pylist())

    def _unseen(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        now = self._clock.now()
        for each in entries:
            key = each["prediction_id"], each["arm"], each["version"]
            if key not in self._seen:
                self._seen[key] = now
                yield {name: each[name] for name in COLUMNS}

    def _listed(self) -> set[str]:
        since = self._clock.now() - _LATE_SECONDS
        days = layout.days(self._folder, layout.REQUESTS, self._query.model, since=since)
        return {path for day in days for path in day.files()}


def _time(entry: Entry) -> float:
    return float(entry["time"])
