"""One prediction by its id, with its labels: also what is so fresh that it is not compacted yet."""

# ruff: noqa: S608  the SQL is put together from texts of this file; all values are parameters
from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import orjson

from cuelight.journal import fresh, layout, parquet, segment
from cuelight.journal.labels import of_keys
from cuelight.journal.record import Label, Prediction, Record
from cuelight.kit.identity import born

_HOUR, _DAY = 3600.0, 86_400.0
_AT_ONCE = 256  # files


@dataclass(frozen=True)
class _Batch:
    paths: list[str]

    def files(self) -> list[str]:
        return self.paths


@dataclass(frozen=True)
class Seen:
    """A prediction, and the host that made it."""

    host: str
    prediction: Prediction


def find(folder: Path, prediction_id: str) -> list[Seen]:
    """The request of this id, and what a shadow answered to it: none, one or two, in the order of time."""
    # Segments first: what the compactor moves in between is found in the second place.
    seen = [Seen(host, each) for host, each in _fresh(folder, prediction_id) if isinstance(each, Prediction)]
    seen += _compacted(folder, prediction_id, parquet.ATTEMPTS)
    once = {(each.prediction.arm, each.prediction.version): each for each in seen}
    return sorted(once.values(), key=lambda each: each.prediction.time)


def labels(folder: Path, prediction: Prediction) -> list[Label]:
    """The last label of each of its rows, without those that were taken back; in the order of rows."""
    fresh = (each for _, each in _fresh(folder, prediction.prediction_id) if isinstance(each, Label))
    mine = [each for each in fresh if each.model == prediction.model]
    known = [*_compacted_labels(folder, prediction), *mine]
    last = {each.row: each for each in sorted(known, key=lambda each: each.time)}
    return [last[row] for row in sorted(last) if last[row].value is not None]


def _fresh(folder: Path, prediction_id: str) -> Iterator[tuple[str, Record]]:
    """Records of this id in segments, with the hosts that wrote them."""
    text = orjson.dumps(prediction_id)
    for path in fresh.paths(folder):
        content = fresh.content(path)
        for item in segment.read(content) if text in content else ():
            if not isinstance(item, segment.Damage) and getattr(item[1], "prediction_id", "") == prediction_id:
                yield path.parent.name, item[1]


def _compacted(folder: Path, prediction_id: str, attempts: int) -> list[Seen]:
    try:
        return list(_read(folder, prediction_id))
    except parquet.Moved:  # merged since they were listed
        if attempts == 1:
            raise
        return _compacted(folder, prediction_id, attempts - 1)


def _read(folder: Path, prediction_id: str) -> Iterator[Seen]:
    sql = f"SELECT * FROM {parquet.relation('requests')} WHERE prediction_id = $id"
    last = False
    for files in _batches(_request_files(folder, born(prediction_id))):
        table = parquet.run(sql, {"id": prediction_id}, requests=[_Batch(files)])
        rows = [] if table is None else table.to_pylist()
        yield from (_seen(row) for row in rows)
        if last:
            return
        last = bool(rows)  # a shadow's answer may be in the files written next


def _request_files(folder: Path, moment: float | None) -> list[str]:
    """Files that may hold a request of that moment, the likeliest first: the next that was written after it."""
    days = (folder / layout.REQUESTS).glob("model=*/date=*")
    if moment is None:
        return [path for day in sorted(days, reverse=True) for path in layout.Day(day).files()]
    near = {f"date={layout.day(max(0.0, moment + hours))}" for hours in (-_HOUR, _HOUR)}
    files = [(layout.written(path) / 1e9, path) for day in days if day.name in near for path in layout.Day(day).files()]
    return [path for _, path in sorted(files, key=lambda file: (file[0] < moment, file))]


def _batches(files: Iterable[str]) -> Iterator[list[str]]:
    left = iter(files)
    while batch := list(itertools.islice(left, _AT_ONCE)):
        yield batch


def _seen(row: dict[str, Any]) -> Seen:
    parts = dict(part.split("=", 1) for part in Path(row["filename"]).parts[-4:-1])
    given = {name: row[name] for name in Prediction.__struct_fields__ if row.get(name) is not None}
    if "probabilities" in given:
        given["probabilities"] = orjson.loads(given["probabilities"])
    model = "" if parts["model"] == layout.NOBODY else unquote(parts["model"])
    return Seen(unquote(parts["host"]), Prediction(**{**given, "model": model}))


def _compacted_labels(folder: Path, prediction: Prediction) -> Iterator[Label]:
    sql = f"""
        SELECT "time", "row", label, source FROM {parquet.relation("labels")}
        WHERE prediction_id = $id ORDER BY "time", {parquet.FILE}, position
    """
    since = prediction.time - _DAY  # clocks of hosts differ, never by a day
    days = layout.days(folder, layout.LABELS, prediction.model, since=since)
    table = parquet.run(sql, {"id": prediction.prediction_id}, labels=days)
    rows = [] if table is None else table.to_pylist()
    for row in [*rows, *of_keys(folder, prediction.model, prediction.time, prediction.prediction_id)]:
        value = orjson.loads(row["label"])
        yield Label(row["time"], prediction.model, prediction.prediction_id, row["row"], value, row["source"])
