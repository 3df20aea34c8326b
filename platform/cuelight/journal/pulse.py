"""The last hour of all models, minute by minute: how much was asked, how quickly it was answered, and what failed.

A page that looks every few seconds can't read an hour of requests each time. Files of the journal never change, so each
is read once, into a table that says how many requests of a minute took how long, in steps of 5 %. That table is small,
and percentiles come from it.
"""

# ruff: noqa: S608  the SQL is put together from texts of this file; all values are parameters
from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cuelight.journal import layout, parquet
from cuelight.journal.record import SHADOW
from cuelight.kit.errors import Unavailable

if TYPE_CHECKING:
    import duckdb

MINUTES = 60
_MINUTE = 60.0
_LATE_SECONDS = 15.0  # until then a minute may not be whole: its last requests are not compacted yet
_STEPS = 20.0  # of the latency's logarithm: one is 5 %, so a percentile is within 2.5 %
_AT_ONCE = 500  # files

_TABLE = "CREATE TABLE answers (file TEXT, model TEXT, version BIGINT, minute BIGINT, class BIGINT, pace INT, n BIGINT)"
_FILL = f"""
    INSERT INTO answers SELECT
        filename, regexp_extract(filename, '.*/model=([^/]*)/date=', 1), "version",
        CAST(floor("time" / {_MINUTE}) AS BIGINT), status // 100,
        CASE WHEN status = 200 THEN CAST(round(ln(greatest(latency_ms, 0.001)) * {_STEPS}) AS INT) END, count(*)
    FROM read_parquet($files, filename = true, hive_partitioning = false)
    WHERE "time" >= $since AND arm <> '{SHADOW}' GROUP BY ALL
"""
_COUNTS = """
    SELECT model, minute, sum(n) AS requests, coalesce(sum(n) FILTER (class = 4), 0) AS refused,
        coalesce(sum(n) FILTER (class = 5), 0) AS failed
    FROM answers GROUP BY GROUPING SETS ((model, minute), (model))
"""
_PERCENTILES = """
    SELECT model, minute, min(pace) FILTER (upto >= 0.5 * whole) AS p50, min(pace) FILTER (upto >= 0.99 * whole) AS p99
    FROM (
        SELECT *, sum(n) OVER (PARTITION BY model, minute ORDER BY pace) AS upto,
            sum(n) OVER (PARTITION BY model, minute) AS whole
        FROM (
            SELECT model, minute, pace, sum(n) AS n FROM answers WHERE pace IS NOT NULL
            GROUP BY GROUPING SETS ((model, minute, pace), (model, pace))
        )
    ) GROUP BY model, minute
"""
_VERSIONS = 'SELECT model, "version", sum(n) AS requests FROM answers GROUP BY ALL'


@dataclass(frozen=True)
class Beat:
    """Requests of a time: how many, and how many of them were answered by 4xx (callers' mistakes) and by 5xx.

    `p50` and `p99` are the latency in ms of what was answered well; None where nothing was.
    """

    requests: int = 0
    refused: int = 0
    failed: int = 0
    p50: float | None = None
    p99: float | None = None


@dataclass(frozen=True)
class Pulse:
    """A model's last hour: the `whole`, up to now, its last 60 full `minutes`, and requests by version."""

    whole: Beat = Beat()
    minutes: tuple[Beat, ...] = (Beat(),) * MINUTES
    versions: Mapping[int, int] = field(default_factory=dict)


class Pulses:
    """Of the journal in `folder`; what is not compacted yet (some seconds' worth) is not seen.

    Shadow traffic is left out. An attempt that the gateway made again counts, too.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._table: duckdb.DuckDBPyConnection | None = None

    def read(self, now: float) -> dict[str, Pulse]:
        """Each model's pulse, by its name as `layout.encode_model` writes it; models without requests have none.

        Raises:
            Moved: the compactor merged files while they were read, each time.
            Unavailable: a file can't be read.
        """
        import duckdb

        last = int((now - _LATE_SECONDS) // _MINUTE)
        try:
            with self._lock:
                table = self._connection()
                self._follow(table, (last - MINUTES) * _MINUTE)
                return _pulses(table, range(last - MINUTES, last))
        except duckdb.Error as error:
            raise Unavailable(f"The journal can't be read: {str(error).splitlines()[0]}") from error

    def _connection(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        if self._table is None:
            self._table = duckdb.connect()
            self._table.execute(_TABLE)
        return self._table

    def _follow(self, table: duckdb.DuckDBPyConnection, since: float) -> None:
        """Read the files that are new; forget those that are gone, and what is older than `since`."""
        import duckdb

        for _ in range(parquet.ATTEMPTS):
            files = set(self._files(since))
            gone, new = self._known - files, sorted(files - self._known)
            if gone:
                table.execute("DELETE FROM answers WHERE file IN (SELECT unnest($gone))", {"gone": sorted(gone)})
            self._known -= gone
            try:
                for start in range(0, len(new), _AT_ONCE):
                    batch = new[start : start + _AT_ONCE]
                    parquet.prepared(table, {"files": batch}).execute(_FILL, {"files": batch, "since": since})
                    self._known |= set(batch)
                break
            except duckdb.Error:
                if parquet.lasting({"files": new}):
                    raise
        else:
            raise parquet.Moved("The journal's files are being merged all the time. Try again.")
        table.execute("DELETE FROM answers WHERE minute < $first", {"first": since // _MINUTE})

    def _files(self, since: float) -> Iterator[str]:
        for folder in (self._folder / layout.REQUESTS).glob("model=*"):
            first = f"date={layout.day(max(0.0, since))}"
            for day in folder.glob("date=*"):
                if day.name >= first:
                    yield from layout.Day(day).files()


def _pulses(table: duckdb.DuckDBPyConnection, minutes: range) -> dict[str, Pulse]:
    beats: dict[tuple[str, int | None], dict[str, Any]] = {}
    for row in table.execute(_COUNTS).to_arrow_table().to_pylist():
        counts = {name: int(row[name]) for name in ("requests", "refused", "failed")}
        beats[row["model"], row["minute"]] = counts
    for row in table.execute(_PERCENTILES).to_arrow_table().to_pylist():
        beats[row["model"], row["minute"]] |= {name: _latency(row[name]) for name in ("p50", "p99")}
    versions: dict[str, dict[int, int]] = {}
    for row in table.execute(_VERSIONS).to_arrow_table().to_pylist():
        versions.setdefault(row["model"], {})[int(row["version"])] = int(row["requests"])
    return {
        model: Pulse(
            Beat(**beats[model, None]),
            tuple(Beat(**beats.get((model, minute), {})) for minute in minutes),
            dict(sorted(found.items())),
        )
        for model, found in versions.items()
    }


def _latency(pace: int | None) -> float | None:
    return None if pace is None else exp(pace / _STEPS)
