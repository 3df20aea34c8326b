"""The last label of each row. Labels name their row by prediction id and number, or by a business key: an input column
and its value. A label by key belongs to the newest row with that value that was answered before the label came; so a
customer who is scored every month gets each month's label, and none of them changes what was said of an earlier one.
"""

# ruff: noqa: S608  the SQL is put together from texts of this file and quoted names; all values are parameters
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuelight.journal import layout, parquet
from cuelight.journal.record import SHADOW
from cuelight.journal.retries import superseded

_DAY = 86_400.0
_LABELS, _ROWS = parquet.relation("labels"), parquet.relation("keyed")
_NO_ROWS = """(SELECT '' AS prediction_id, 0 AS "row" WHERE false)"""
_BY_ID = f"""
    SELECT prediction_id, "row", label, "time", source, filename, position FROM {_LABELS} WHERE prediction_id <> ''
"""
# Of two rows of one moment the one with the higher number.
_BY_KEY = """
    SELECT answer.prediction_id, answer."row", label, given."time", source, filename, position
    FROM (SELECT * FROM {labels} WHERE key_column = ${name}) AS given
    ASOF JOIN (
        SELECT {key} AS "key", "time", max(struct_pack(prediction_id := prediction_id, "row" := "row")) AS answer
        FROM {rows} WHERE arm <> $unanswered {known} GROUP BY ALL
    ) AS served ON given."key" = served."key" AND given."time" >= served."time"
"""
# Of two labels of one moment the one that stands later; null takes a label back.
_LAST = """
    SELECT prediction_id, "row", label, label_time FROM (
        SELECT prediction_id, "row", label, "time" AS label_time FROM ({given}) {known}
        QUALIFY row_number() OVER (
            PARTITION BY prediction_id, "row" ORDER BY "time" DESC, {file} DESC, position DESC
        ) = 1
    ) WHERE label <> 'null'
"""
_UNKNOWN_IDS = """
    SELECT given."time", given.prediction_id, given."row", NULL::VARCHAR AS key_column, NULL::VARCHAR AS "key",
        given.label, given.source
    FROM (SELECT * FROM {labels} WHERE prediction_id <> '') AS given
    ANTI JOIN {rows} AS known ON given.prediction_id = known.prediction_id AND given."row" = known."row"
"""
_UNKNOWN_KEYS = """
    SELECT given."time", NULL::VARCHAR AS prediction_id, NULL::BIGINT AS "row", given.key_column, given."key",
        given.label, given.source
    FROM (SELECT * FROM {labels} WHERE "key" <> '') AS given
    ANTI JOIN ({known}) AS known ON given.filename = known.filename AND given.position = known.position
"""
_OTHER = "{value}::VARCHAR"
# Up to 2 ** 53 a double holds every whole number.
_FRACTION = """
    CASE WHEN {value} = floor({value}) AND abs({value}) <= 9007199254740992 THEN {value}::BIGINT::VARCHAR
    ELSE {value}::VARCHAR END
"""


@dataclass(frozen=True)
class LastLabels:
    """A relation of prediction_id, row, label (JSON text) and label_time: SQL with its parameters and its files."""

    sql: str
    values: Mapping[str, Any]
    files: Mapping[str, Sequence[layout.Day]]


def last_labels(
    folder: Path, model: str, since: float | None = None, until: float | None = None, local: bool = False
) -> LastLabels:
    """The last labels of rows that were answered from `since` on, as they were at `until` (seconds since the epoch)."""
    given = _Given(folder, model, since, until, local)
    files = {"labels": given.labels, **({"keyed": given.rows} if given.by_key else {})}
    known, values = ("", {}) if until is None else ('WHERE "time" < $labels_until', {"labels_until": until})
    sql = _LAST.format(given=" UNION ALL ".join([_BY_ID, *given.by_key]), known=known, file=parquet.FILE)
    return LastLabels(sql, {**given.values, **values}, files)


def unknown(folder: Path, model: str) -> list[dict[str, Any]]:
    """Labels that belong to no row of the journal (yet), the newest first.

    Each with time, prediction_id and row, or key_column and key (the others None), label (JSON text) and source.
    """
    given = _Given(folder, model, None)
    files = {"labels": given.labels, **({"keyed": given.rows} if given.rows else {})}
    parts = [_UNKNOWN_IDS.format(labels=_LABELS, rows=_ROWS if given.rows else _NO_ROWS)]
    if given.has_keys:
        nothing = f"SELECT filename, position FROM {_LABELS} WHERE false"
        known = " UNION ALL ".join([nothing, *(f"SELECT filename, position FROM ({each})" for each in given.by_key)])
        parts.append(_UNKNOWN_KEYS.format(labels=_LABELS, known=known))
    order = '"time" DESC, prediction_id, "row", "key"'
    found = parquet.run(f"SELECT * FROM ({' UNION ALL '.join(parts)}) ORDER BY {order}", given.values, **files)
    return [] if found is None else found.to_pylist()


def of_keys(
    folder: Path, model: str, since: float | None = None, prediction_id: str | None = None
) -> list[dict[str, Any]]:
    """Labels by key that belong to a row, answered from `since` on, of one prediction or of any; in the order of time.

    Each with prediction_id and row, its own label (JSON text), time and source, and the filename and position of it.
    """
    given = _Given(folder, model, since)
    if not given.by_key:
        return []
    sql = f"""
        SELECT * FROM ({" UNION ALL ".join(given.by_key)}) WHERE prediction_id = coalesce($id, prediction_id)
        ORDER BY "time", {parquet.FILE}, position
    """
    found = parquet.run(sql, {**given.values, "id": prediction_id}, labels=given.labels, keyed=given.rows)
    return [] if found is None else found.to_pylist()


class _Given:
    """The files of a model's labels, and of the rows that they may be about; labels by key as labels of rows."""

    def __init__(
        self, folder: Path, model: str, since: float | None, until: float | None = None, local: bool = False
    ) -> None:
        before = None if since is None else since - _DAY  # clocks of hosts differ, never by a day
        self.labels = layout.days(folder, layout.LABELS, model, since=before, until=until, local=local)
        # All versions and all later rows: a label by key may belong to one that the window leaves out.
        days = layout.days(folder, layout.ROWS, model, since=since, local=local)
        self.rows = [day for day in days if day.files()]
        self.has_keys = "key" in parquet.columns(_LABELS, labels=self.labels)
        spelled = dict(self._spelled()) if self.has_keys else {}
        lost = superseded(folder, model, self.rows) if spelled else []
        known = "AND prediction_id NOT IN (SELECT unnest($unheard))" if lost else ""
        self.by_key = [
            _BY_KEY.format(labels=_LABELS, rows=_ROWS, key=key, name=f"key{number}", known=known)
            for number, key in enumerate(spelled.values())
        ]
        self.values: dict[str, Any] = {f"key{number}": name for number, name in enumerate(spelled)}
        if spelled:
            self.values["unanswered"] = SHADOW
        if lost:
            self.values["unheard"] = lost

    def _spelled(self) -> Iterator[tuple[str, str]]:
        """Each key column that rows have, and how its values become texts: a whole number however it is typed."""
        sql = f"""SELECT DISTINCT key_column FROM {_LABELS} WHERE "key" <> '' ORDER BY ALL"""
        named = parquet.run(sql, {}, labels=self.labels)
        types = parquet.columns(_ROWS, keyed=self.rows)
        for name in [] if named is None else named["key_column"].to_pylist():
            if kind := types.get(f"input.{name}"):
                value = '"input.' + name.replace('"', '""') + '"'
                yield name, (_FRACTION if kind in ("float", "double") else _OTHER).format(value=value)
