"""Windows of the journal: by model, version, track, arm and time; only the days and columns needed are read."""

# ruff: noqa: S608  the SQL is put together from texts of this file and quoted names; all values are parameters
from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cuelight.journal import layout, parquet
from cuelight.journal.labels import last_labels
from cuelight.journal.record import SHADOW, Prediction
from cuelight.journal.retries import superseded
from cuelight.protocol.rows import Array

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa

_PARTS = 1_000_000  # of which a share is made
_PARAMETER = re.compile(r"\$(\w+)")

_KEYS = {layout.ROWS: ("time", "prediction_id", "row"), layout.REQUESTS: ("time", "prediction_id")}


@dataclass(frozen=True)
class Query:
    """What to read. Times are seconds since the epoch, `since` included and `until` not.

    Shadow traffic is left out unless `arm` asks for it. `statuses` are the lowest and the highest HTTP status, `id` is
    a prediction's or a request's. `last_rows` keeps the newest rows of the result. What labels came at
    `labels_until` or later is not known. `share` (0 to 1) keeps about so many of the rows, chosen by a hash of their
    ids: the same ones each time, whatever is in them.

    A request that the gateway tried more than once is there once, by its last attempt.
    """

    model: str
    version: int | None = None
    track: str | None = None
    arm: str | None = None
    since: float | None = None
    until: float | None = None
    last_rows: int | None = None
    statuses: tuple[int, int] | None = None
    id: str | None = None
    labels_until: float | None = None
    share: float | None = None

    def takes(self, record: Prediction) -> bool:
        """Whether a request is in the window: what `Journal.requests` says of it once it is compacted."""
        wanted = {"model": self.model, "version": self.version, "track": self.track, "arm": self.arm}
        low, high = self.statuses or (record.status, record.status)
        return (
            all(value is None or getattr(record, name) == value for name, value in wanted.items())
            and (self.arm is not None or record.arm != SHADOW)
            and (self.since is None or record.time >= self.since)
            and (self.until is None or record.time < self.until)
            and low <= record.status <= high
            and (self.id is None or self.id in (record.prediction_id, record.request_id))
        )


@dataclass(frozen=True)
class Size:
    """How many rows a window has, and when its first and last one came (epoch s); None without rows."""

    rows: int
    start: float | None
    end: float | None


@dataclass(frozen=True)
class Service:
    """How one version answered the requests of a time; version 0: what no version answered.

    Attributes:
        window: when its window begins, seconds since the epoch; None where time is not cut.
        refused, failed: how many were answered by 4xx (the caller's mistakes) and 5xx.
        p50, p99: percentiles of the latency in ms, of what was answered well; None: nothing was.
    """

    version: int
    window: float | None
    requests: int
    refused: int
    failed: int
    p50: float | None
    p99: float | None


_SERVICE = """
    count(*) AS requests,
    count(*) FILTER (status BETWEEN 400 AND 499) AS refused,
    count(*) FILTER (status >= 500) AS failed,
    quantile_cont(latency_ms, 0.5) FILTER (status = 200) AS p50,
    quantile_cont(latency_ms, 0.99) FILTER (status = 200) AS p99
"""


class Journal:
    """The compacted journal in `folder`. What is not compacted yet (some seconds' worth) is not seen.

    `columns` names the columns to read besides `time`, `prediction_id` and `row`, `input.*` all that begin so; None
    reads all. Where versions disagree on a column's type, it has the type that holds both (whole numbers and fractions:
    double; else text). `local`: what is only in the archive is passed by.
    """

    def __init__(self, folder: Path, local: bool = False) -> None:
        self._folder = folder
        self._local = local

    def rows(self, query: Query, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """One row per predicted row, in the order of time: the columns of `rows_table`."""
        return self.rows_table(query, columns).to_pandas()

    def rows_table(self, query: Query, columns: Sequence[str] | None = None) -> pa.Table:
        """As Arrow: time, prediction_id, row, model, version, track, arm, generation, latency_ms, `input.<column>`,
        `output.prediction` and `output.proba.<class>`."""
        return _with_model(self._read(layout.ROWS, query, columns), query.model, after="row")

    def columns(self, query: Query) -> list[str]:
        """The columns that rows of the query may have; empty where there can be no rows."""
        return list(parquet.columns(parquet.relation("rows"), rows=self._days(layout.ROWS, query)))

    def outputs(self, query: Query) -> list[str]:
        """The columns of answers that rows of the query may have: `output.<name>` and `output.proba.<class>`."""
        return [name for name in self.columns(query) if name.startswith("output.")]

    def times(self, query: Query) -> Array:
        """When the rows came, in order: eight bytes a row."""
        sql, values, days = self._window(layout.ROWS, query, ())
        found = parquet.run(f'SELECT "time" FROM ({sql}) ORDER BY "time"', values, rows=days)
        return np.empty(0) if found is None else found.column("time").to_numpy()

    def size(self, query: Query) -> Size:
        """How large a window is, for those who must not read all of it."""
        sql, values, days = self._window(layout.ROWS, query, ())
        sql = f'SELECT count(*) AS rows, min("time") AS start, max("time") AS "end" FROM ({sql})'
        found = parquet.run(sql, values, rows=days)
        return Size(0, None, None) if found is None else Size(**found.to_pylist()[0])

    def counts(self, query: Query, by: Sequence[str], every: float | None = None) -> pa.Table:
        """How many rows there are, as `rows`, for each value of the columns `by`, all among `columns`.

        With `every`, in seconds, for each window of that length too: `window` is its beginning, UTC midnight one of
        them. Without rows an empty table, or a 0.
        """
        import pyarrow as pa

        keys = ['"' + name.replace('"', '""') + '"' for name in by]
        found = self._grouped(layout.ROWS, query, keys, "count(*) AS rows", every)
        return pa.table({"rows": pa.array([], pa.int64())}) if found is None else found

    def service(self, query: Query, every: float | None = None) -> list[Service]:
        """How the requests of a window were answered, for each version and window of `every` seconds.

        In the order of time and versions. Percentiles are exact, so those of windows don't add up.
        """
        found = self._grouped(layout.REQUESTS, query, ['"version"'], _SERVICE, every)
        rows = [] if found is None else found.to_pylist()
        served = [Service(**{"window": None, **each}) for each in rows]
        return sorted(served, key=lambda each: (each.window or 0.0, each.version))

    def _grouped(
        self, dataset: str, query: Query, keys: Sequence[str], figures: str, every: float | None
    ) -> pa.Table | None:
        """Figures by columns and windows; None where there are no files."""
        days = self._days(dataset, query)
        conditions, values = self._heard(dataset, query, days)
        if every is not None:
            keys = [*keys, 'floor("time" / $every) * $every AS "window"']
            values["every"] = every
        sql = f"SELECT {', '.join([*keys, figures])} FROM {parquet.relation('rows')} {conditions} GROUP BY ALL"
        return parquet.run(sql, values, rows=days)

    def requests(self, query: Query, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """One row per request, refused and failed ones too, in the order of time; bodies as bytes."""
        return self.requests_table(query, columns).to_pandas()

    def requests_table(self, query: Query, columns: Sequence[str] | None = None) -> pa.Table:
        """As Arrow: the fields of `cuelight.journal.record.Prediction`."""
        return _with_model(self._read(layout.REQUESTS, query, columns), query.model, after="caller")

    def batches(self, dataset: str, query: Query) -> pa.RecordBatchReader:
        """Rows or requests as Arrow batches of 10,000, for windows that are larger than memory; all columns.

        Raises:
            Moved: when it is read, if the compactor merged files meanwhile: begin anew.
        """
        found = parquet.stream(*self._window(dataset, query, None))
        return _empty(dataset).to_reader() if found is None else found

    def relation(self, query: Query, columns: Sequence[str] | None = None) -> duckdb.DuckDBPyRelation | None:
        """Rows as a relation of DuckDB, which reads what is asked of it and no more; None where there are none.

        It holds on to the files of this moment: ask it soon, or the compactor may have merged them.
        """
        return parquet.lazy(*self._window(layout.ROWS, query, columns))

    def labelled(self, query: Query, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Rows that have a label by now (or by `labels_until`), with the last one as `label` and its `label_time`.

        Labels that are all numbers, all booleans or all strings keep that type; mixed ones are Python objects.
        """
        import pandas as pd

        table = self._labelled(query, columns)
        values = _parsed(table.column("label").to_pylist()) if table.num_rows else []
        frame = table.to_pandas()
        frame["label"] = pd.Series(values, index=frame.index, dtype=_dtype(values))
        return frame

    def labelled_table(self, query: Query, columns: Sequence[str] | None = None) -> pa.Table:
        """As Arrow; labels of several types are JSON texts."""
        from cuelight.journal.tables import column

        table = self._labelled(query, columns)
        values = column(_parsed(table.column("label").to_pylist()), None)
        return table.set_column(table.schema.get_field_index("label"), "label", values)

    def _read(self, dataset: str, query: Query, columns: Sequence[str] | None) -> pa.Table:
        sql, values, days = self._window(dataset, query, columns)
        found = parquet.run(sql, values, rows=days)
        return _empty(dataset) if found is None else found

    def _window(
        self, dataset: str, query: Query, columns: Sequence[str] | None
    ) -> tuple[str, dict[str, Any], list[layout.Day]]:
        """SQL, its parameters, and the days that it is about."""
        days = self._days(dataset, query)
        if query.last_rows is not None:
            days = self._newest(days, *self._conditions(dataset, query), query.last_rows)
        conditions, values = self._heard(dataset, query, days)
        select = f"SELECT {_selection(columns, _KEYS[dataset])} FROM {parquet.relation('rows')} {conditions}"
        return _newest_last(select, _KEYS[dataset], query.last_rows), values, days

    def _labelled(self, query: Query, columns: Sequence[str] | None) -> pa.Table:
        last = last_labels(self._folder, query.model, query.since, query.labels_until, self._local)
        days = self._days(layout.ROWS, query)
        conditions, values = self._heard(layout.ROWS, query, days)
        source = f"""
            (SELECT * FROM {parquet.relation("rows")} {conditions})
            JOIN ({last.sql}) USING (prediction_id, "row")
        """
        chosen = _selection(columns, (*_KEYS[layout.ROWS], "label", "label_time"))
        sql = _newest_last(f"SELECT {chosen} FROM {source}", _KEYS[layout.ROWS], query.last_rows)
        found = parquet.run(sql, {**values, **last.values}, rows=days, **last.files)
        return _with_model(_empty(layout.LABELS) if found is None else found, query.model, after="row")

    def _days(self, dataset: str, query: Query) -> list[layout.Day]:
        """The days that may hold rows of the query, the newest first."""
        return layout.days(self._folder, dataset, query.model, query.version, query.since, query.until, self._local)

    def _conditions(self, dataset: str, query: Query) -> tuple[str, dict[str, Any]]:
        """The window as SQL. Rows know neither status (it is 200) nor the request's ids: their requests do."""
        given = {
            '"version" = $version': query.version,
            "track = $track": query.track,
            "arm = $arm": query.arm,
            '"time" >= $since': query.since,
            '"time" < $until': query.until,
        }
        low, high = query.statuses or (0, sys.maxsize)
        if dataset == layout.REQUESTS:
            given |= {"status >= $low": low, "status <= $high": high} if query.statuses else {}
            given["$id IN (prediction_id, request_id)"] = query.id
        elif query.id is not None:
            asked = self.requests_table(replace(query, last_rows=None), columns=["prediction_id"])
            given["prediction_id IN (SELECT unnest($ids))"] = asked.column("prediction_id").to_pylist()
        wanted = [text for text, value in given.items() if value is not None]
        values = {_PARAMETER.findall(text)[0]: value for text, value in given.items() if value is not None}
        if dataset == layout.ROWS and not low <= HTTPStatus.OK <= high:
            wanted.append("false")
        if dataset == layout.ROWS and query.share is not None:
            wanted.append(f'hash(prediction_id, "row") % {_PARTS} < $share')
            values["share"] = round(query.share * _PARTS)
        if query.arm is None:
            wanted.append("arm <> $shadow")
            values["shadow"] = SHADOW
        return f"WHERE {' AND '.join(wanted) or 'true'}", values

    def _heard(self, dataset: str, query: Query, days: Sequence[layout.Day]) -> tuple[str, dict[str, Any]]:
        """The same, of the attempts whose answers somebody had."""
        conditions, values = self._conditions(dataset, query)
        if lost := superseded(self._folder, query.model, days):
            conditions += " AND prediction_id NOT IN (SELECT unnest($lost))"
        return conditions, {**values, **({"lost": lost} if lost else {})}

    def _newest(self, days: list[layout.Day], conditions: str, values: dict[str, Any], count: int) -> list[layout.Day]:
        """As many of the days as are needed for so many rows."""
        sql = f"SELECT count(*) AS n FROM {parquet.relation('rows')} {conditions}"
        missing = count
        for number, day in enumerate(days[:-1]):
            table = parquet.run(sql, values, rows=[day])
            missing -= 0 if table is None else table.column("n")[0].as_py()
            if missing <= 0:
                return days[: number + 1]
        return days


def _selection(columns: Sequence[str] | None, always: Sequence[str]) -> str:
    if columns is None:
        return "* EXCLUDE (filename)"
    wanted = dict.fromkeys((*always, *columns))
    names = ", ".join(_quoted(name) for name in wanted)
    begins = "".join(f" OR starts_with(name, {_quoted(name[:-1])})" for name in wanted if name.endswith("*"))
    return f"COLUMNS(name -> name IN ({names}){begins})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _newest_last(select: str, keys: Sequence[str], limit: int | None) -> str:
    up = ", ".join(f'"{key}"' for key in keys)
    if limit is None:
        return f"{select} ORDER BY {up}"
    down = ", ".join(f'"{key}" DESC' for key in keys)
    return f"SELECT * FROM ({select} ORDER BY {down} LIMIT {max(0, int(limit))}) ORDER BY {up}"


def _with_model(table: pa.Table, model: str, after: str) -> pa.Table:
    import pyarrow as pa

    names = table.column_names
    values = pa.repeat(pa.scalar(model, pa.string()), table.num_rows)
    return table.add_column(names.index(after) + 1 if after in names else len(names), "model", values)


def _empty(dataset: str) -> pa.Table:
    import pyarrow as pa

    from cuelight.journal import tables

    if dataset == layout.REQUESTS:
        return tables.REQUESTS.empty_table()
    extra = [pa.field("label", pa.string()), pa.field("label_time", pa.float64())] if dataset == layout.LABELS else []
    return pa.schema([*tables.ROWS, *extra]).empty_table()


def _parsed(texts: Sequence[str]) -> list[Any]:
    import orjson

    return [orjson.loads(each) for each in texts]


def _dtype(values: Sequence[Any]) -> str:
    kinds = {type(each) for each in values}
    if kinds and kinds <= {int, float}:
        return "int64" if kinds == {int} else "float64"
    return {frozenset({bool}): "bool", frozenset({str}): "str"}.get(frozenset(kinds), "object")
