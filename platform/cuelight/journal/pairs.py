"""What two versions answered to the same requests: Production's answers, joined to what the shadow said."""

# ruff: noqa: S608  the SQL is put together from texts of this file; all values are parameters
from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cuelight.journal import layout, parquet
from cuelight.journal.labels import LastLabels, last_labels
from cuelight.journal.record import CHAMPION, SHADOW

if TYPE_CHECKING:
    import pyarrow as pa

_ARMS = {"champion": CHAMPION, "shadow": SHADOW}
_OLD = f'{parquet.relation("old")} WHERE arm = $champion AND "time" >= $since'
_NEW = f"{parquet.relation('new')} WHERE arm = $shadow"
_VERSIONS = f"""
    SELECT old.version AS old, new.version AS new
    FROM (SELECT prediction_id, "version" FROM {_OLD}) AS old
    JOIN (SELECT prediction_id, "version", "time" FROM {_NEW}) AS new USING (prediction_id)
    GROUP BY ALL ORDER BY max(new."time") DESC
"""
_REQUESTS = f"""
    SELECT old."time", prediction_id, old.latency_ms AS old_ms, new.latency_ms AS new_ms, new.status, new.error
    FROM (SELECT "time", prediction_id, latency_ms FROM {_OLD} AND "version" = $old_version AND status = 200) AS old
    JOIN (SELECT prediction_id, latency_ms, status, error FROM {_NEW} AND "version" = $new_version) AS new
    USING (prediction_id)
    ORDER BY old."time" DESC, prediction_id LIMIT $most
"""
# With a column that is always there: COLUMNS must find one, and what answered nothing but nulls has no outputs.
_OUTPUTS = r"COLUMNS('^(output\..+|latency_ms)$')"
_ROWS = rf"""
    SELECT *
    FROM (SELECT "time", prediction_id, "row", {_OUTPUTS} AS 'old.\1' FROM {_OLD} AND "version" = $old_version)
    JOIN (SELECT prediction_id, "row", {_OUTPUTS} AS 'new.\1' FROM {_NEW} AND "version" = $new_version)
    USING (prediction_id, "row")
    ORDER BY "time" DESC, prediction_id, "row" LIMIT $most
"""
_LABELLED = """
    SELECT * EXCLUDE (label_time) FROM ({rows})
    LEFT JOIN ({last}) USING (prediction_id, "row")
    ORDER BY "time" DESC, prediction_id, "row"
"""


class Pairs:
    """The compacted journal's pairs of one model, of requests from `since` on (seconds since the epoch)."""

    def __init__(self, folder: Path, model: str, since: float = 0.0) -> None:
        self._folder = folder
        self._model = model
        self._since = since

    def versions(self) -> Iterator[tuple[int, int]]:
        """Production's version and its shadow's, the latest pair first; read day by day, and each may come again."""
        days = self._days(layout.REQUESTS)
        for number, day in enumerate(days):
            table = parquet.run(_VERSIONS, self._values(), old=_with_eve(days, number), new=[day])
            if table is not None:
                yield from zip(table["old"].to_pylist(), table["new"].to_pylist(), strict=True)

    def requests(self, old: int, new: int, most: int) -> pa.Table:
        """The newest requests that version `new` was asked after `old` had answered, the newest first.

        Columns: time, prediction_id, old_ms, new_ms (latencies), status and error (of the new version).
        """
        return self._read(_REQUESTS, layout.REQUESTS, (old, new), most)

    def rows(self, old: int, new: int, most: int) -> pa.Table:
        """The newest rows that both have answered, the newest first.

        Columns: time, prediction_id, row, `old.output.<name>`, `new.output.<name>` and, where a label has come for any
        of the model's answers, `label` (JSON text, null where there is none).
        """
        last = last_labels(self._folder, self._model, self._since)
        if any(day.files() for day in last.files["labels"]):
            sql = _LABELLED.format(rows=_ROWS, last=last.sql)
            return self._read(sql, layout.ROWS, (old, new), most, last)
        return self._read(_ROWS, layout.ROWS, (old, new), most)

    def _read(
        self, sql: str, dataset: str, versions: tuple[int, int], most: int, labels: LastLabels | None = None
    ) -> pa.Table:
        old, new = (self._days(dataset, version) for version in versions)
        last = self._enough(new, most)
        values = self._values(old_version=versions[0], new_version=versions[1], most=most)
        files: dict[str, Sequence[layout.Day]] = {"old": _with_eve(old, 0, last), "new": new[: last + 1]}
        if labels:
            values, files = {**values, **labels.values}, {**files, **labels.files}
        found = parquet.run(sql, values, **files)
        return _nothing() if found is None else found

    def _enough(self, days: list[layout.Day], most: int) -> int:
        """The day up to which one has to go back for so many of the shadow's records."""
        missing = most
        for number, day in enumerate(days):
            table = parquet.run(f"SELECT count(*) AS n FROM {_NEW}", {"shadow": SHADOW}, new=[day])
            missing -= 0 if table is None else table["n"][0].as_py()
            if missing <= 0:
                return number
        return len(days)

    def _days(self, dataset: str, version: int | None = None) -> list[layout.Day]:
        return layout.days(self._folder, dataset, self._model, version, self._since)

    def _values(self, **more: Any) -> dict[str, Any]:
        return {**_ARMS, "since": self._since, **more}


def _with_eve(days: list[layout.Day], first: int, last: int | None = None) -> list[layout.Day]:
    """Those days, the newest first, and the one before: what was asked before midnight is mirrored after it."""
    return days[first : (first if last is None else last) + 2]


def _nothing() -> pa.Table:
    import pyarrow as pa

    return pa.table({"time": pa.array([], pa.float64()), "prediction_id": pa.array([], pa.string())})
