"""What the journal holds of somebody, taken out: rows, requests and labels of a model.

Rows say which requests and labels go, so rows go last: killed in between, the next run finds the rest by them. Each
file is the old one or the new one. One that is in the archive comes back first, and its object is deleted; a compactor
archives what is left of it as any other.
"""

from __future__ import annotations

import base64
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from cuelight.journal import archive, fresh, layout, merging, storage
from cuelight.journal.compactor import Compactor
from cuelight.journal.labels import of_keys
from cuelight.journal.layout import Day
from cuelight.kit.errors import CuelightError, Unavailable
from cuelight.kit.files import sync_folder
from cuelight.protocol.decode import decode
from cuelight.protocol.fit import ALL
from cuelight.protocol.redaction import ERASED, SEALED, canonical, listed
from cuelight.protocol.signature import Signature

_PAUSE_SECONDS = 0.1
_KEPT, _EMPTIED, _GONE = range(3)
_BODIES = ("status", "rows", "media_type", "request", "protocol", "header_length", "redaction")

Tell = Callable[[int, int], None]
Who = Mapping[str, Set[str]]
"""By column, the texts that the value may stand as (`redaction.candidates`, and their hashes); all must hold."""


@dataclass
class Erased:
    """How much was found; `emptied` are requests without bodies now: they hold others' rows too, or can't be read.

    `damaged`: records in side files that have the values as text and lose their bytes, whatever model they are of;
    `unread`: those that stay there, in which nobody can look for a value in another form.
    """

    rows: int = 0
    requests: int = 0
    emptied: int = 0
    labels: int = 0
    damaged: int = 0
    unread: int = 0


def erase(
    compactor: Compactor,
    folder: Path,
    model: str,
    who: Who,
    dry_run: bool,
    seconds: float,
    tell: Tell = lambda *_: None,
) -> Erased:
    """Take out what is there by now, or with `dry_run` count it; `tell` hears of files looked at, of how many.

    Raises:
        Unavailable: what is being written now is not compacted after so many seconds, or the archive does not answer.
    """
    deadline = time.monotonic() + seconds
    written = {path.stem for path in fresh.paths(folder)}
    while True:
        compactor.run_once()
        with storage.alone(folder) as mine:
            # A segment that is compacted once more would bring back what was taken out.
            waiting = written & {path.stem for path in fresh.paths(folder)}
            if mine and not waiting:
                return Eraser(folder, model, who, dry_run, tell=tell).run()
        if time.monotonic() > deadline:
            raise Unavailable(
                f"Nothing was erased: {len(waiting)} segments of the journal are not compacted yet. Try again."
            )
        time.sleep(_PAUSE_SECONDS)


@dataclass
class Eraser:
    """Works on what is compacted; only the holder of the compactor's lock may call it."""

    folder: Path
    model: str
    who: Who
    dry_run: bool = False
    checkpoint: storage.Checkpoint = lambda _step: None
    tell: Tell = lambda *_: None
    _found: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    _keyed: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    _erased: Erased = field(default_factory=Erased)

    def run(self) -> Erased:
        """Find the rows, and take out requests, labels, and at last the rows themselves."""
        for dataset in layout.DATASETS:
            for date in layout.dates(self.folder, dataset, self.model):
                for partition in date.glob("host=*"):
                    merging.settle(partition)
        rows, requests, labels = map(self._files, (layout.ROWS, layout.REQUESTS, layout.LABELS))
        damaged = sorted((self.folder / layout.DAMAGED).glob("*/*.jsonl"))
        steps = [
            *((self._find, path) for path in rows),
            (self._find_labels, self.folder),
            *((self._requests, path) for path in requests),
            *((self._labels, path) for path in labels),
            *((self._rows, path) for path in rows),
            *((self._damaged, path) for path in damaged),
        ]
        for number, (step, path) in enumerate(steps):
            self.tell(number, len(steps))
            try:
                step(path)
            except Unavailable as error:
                raise Unavailable(f"Not all of it is erased: run it again once this is mended. {error}") from error
        return self._erased

    def _find(self, path: Path) -> None:
        """Their rows."""
        table = _read(path, ("prediction_id", "row", *self._columns()))
        for each in table.filter(self._hits(table)).select(["prediction_id", "row"]).to_pylist():
            self._found[each["prediction_id"]].add(each["row"])

    def _find_labels(self, folder: Path) -> None:
        """Those of their rows that came by a key."""
        for label in of_keys(folder, self.model):
            if label["row"] in self._found.get(label["prediction_id"], ()):
                self._keyed[str(layout.here(label["filename"]))].add(label["position"])

    def _files(self, dataset: str) -> list[Path]:
        days = layout.dates(self.folder, dataset, self.model)
        return [layout.here(path) for date in days for path in Day(date).files()]

    def _columns(self) -> list[str]:
        return [f"{kind}.{name}" for name in self.who for kind in ("input", "personal")]

    def _hits(self, table: pa.Table) -> pa.Array:
        """Which rows are theirs."""
        mask = np.ones(table.num_rows, dtype=bool)
        for name, texts in self.who.items():
            given = [table[each] for each in (f"input.{name}", f"personal.{name}") if each in table.column_names]
            mask &= np.any([np.zeros(table.num_rows, dtype=bool), *(_is_in(each, texts) for each in given)], axis=0)
        return pa.array(mask)

    def _requests(self, path: Path) -> None:
        table = _read(path, ("prediction_id", *_BODIES))
        fates = np.array([self._fate(each) for each in table.to_pylist()], dtype=int)
        self._erased.requests += int((fates == _GONE).sum())
        self._erased.emptied += int((fates == _EMPTIED).sum())
        if fates.any() and not self.dry_run:
            self._replace(path, _emptied(storage.opened(path).read(), fates))

    def _fate(self, request: Mapping[str, Any]) -> int:
        if request["status"] == 200:
            count = len(self._found.get(request["prediction_id"], ()))
            return _KEPT if not count or request.get("redaction") == ERASED else _of(count, request["rows"])
        if not request["request"] or request.get("redaction") == SEALED:
            return _KEPT
        return self._fate_of_body(request)

    def _fate_of_body(self, request: Mapping[str, Any]) -> int:
        """A request that was not answered has no rows: it is read as one to a model without signature."""
        body, form = request["request"], (request.get("protocol") or "mlflow", request.get("header_length") or "")
        try:
            rows = decode(request["media_type"], body, Signature(), ALL, *form).rows
            columns = rows.flat()
            if not self.who.keys() <= columns.keys():
                return _KEPT
            hits = [[canonical(each) in texts for each in listed(columns[name])] for name, texts in self.who.items()]
        except (CuelightError, ValueError, TypeError):  # no request, or a value that has no text: nested too deeply
            return _EMPTIED if self._stand_in(body) else _KEPT
        return _of(sum(map(all, zip(*hits, strict=True))), rows.count)

    def _labels(self, path: Path) -> None:
        table = storage.opened(path).read()
        hits = np.array([self._is_theirs(str(path), each) for each in table.to_pylist()], dtype=bool)
        self._erased.labels += self._take_out(path, table, hits)

    def _is_theirs(self, path: str, label: Mapping[str, Any]) -> bool:
        """A label of one of their rows, or by a key that is theirs, whether it has a row or not."""
        if label["row"] in self._found.get(label["prediction_id"], ()) or label["position"] in self._keyed[path]:
            return True
        return self.who.keys() == {label.get("key_column")} and label["key"] in self.who[label["key_column"]]

    def _rows(self, path: Path) -> None:
        columns = _read(path, tuple(self._columns()))
        hits = self._hits(columns).to_numpy(zero_copy_only=False)
        if hits.any():
            self._erased.rows += self._take_out(path, storage.opened(path).read(), hits)

    def _damaged(self, path: Path) -> None:
        records = [orjson.loads(line) for line in path.read_bytes().splitlines()]
        held = [each for each in records if each["bytes"]]
        theirs = [each for each in held if self._stand_in(base64.b64decode(each["bytes"]))]
        self._erased.damaged += len(theirs)
        self._erased.unread += len(held) - len(theirs)
        if theirs and not self.dry_run:
            for each in theirs:
                each["bytes"] = ""
            lines = b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in records)
            storage.place(path, lines, self.checkpoint, path.stat().st_mtime_ns)

    def _stand_in(self, content: bytes) -> bool:
        """Whether all the values are there as text: that is as much as can be told of what can't be read."""
        return all(any(_stands(text, content) for text in texts) for texts in self.who.values())

    def _take_out(self, path: Path, table: pa.Table, hits: Any) -> int:
        if hits.any() and not self.dry_run:
            self._replace(path, table.filter(pa.array(~hits)))
        return int(hits.sum())

    def _replace(self, path: Path, left: pa.Table) -> None:
        archive.recall(path, self.checkpoint)
        if left.num_rows:
            storage.place(path, storage.encode(left), self.checkpoint, path.stat().st_mtime_ns)
        else:
            path.unlink()
            sync_folder(path.parent)
            self.checkpoint("deleted")


def _read(path: Path, columns: tuple[str, ...]) -> pa.Table:
    file = storage.opened(path)
    return file.read([each for each in columns if each in file.schema_arrow.names] or ["time"])


def _is_in(column: pa.ChunkedArray, texts: Set[str]) -> Any:
    values = column.unique()
    moments = pa.types.is_timestamp(values.type)
    plain = listed(values.cast(pa.timestamp("ns")).to_numpy(zero_copy_only=False)) if moments else values.to_pylist()
    wanted = [number for number, each in enumerate(plain) if each is not None and _is(each, texts)]
    return pc.is_in(column, value_set=values.take(pa.array(wanted, pa.int64()))).to_numpy()


def _is(value: Any, texts: Set[str]) -> bool:
    """Also where the column holds JSON texts, since its values fit no one type."""
    if canonical(value) in texts:
        return True
    try:
        return isinstance(value, str) and canonical(orjson.loads(value)) in texts
    except orjson.JSONDecodeError:
        return False


def _stands(text: str, body: bytes) -> bool:
    return text.encode() in body or ascii(text)[1:-1].encode() in body


def _of(count: int, rows: int) -> int:
    return _GONE if count >= rows else _EMPTIED if count else _KEPT


def _emptied(table: pa.Table, fates: Any) -> pa.Table:
    """The requests that stay, without the bodies of those that are not theirs alone."""
    left = table.filter(pa.array(fates != _GONE))
    emptied = pa.array(fates[fates != _GONE] == _EMPTIED)
    for name, value in (("request", b""), ("response", b""), ("error", ""), ("probabilities", None)):
        kind = table.schema.field(name).type
        left = _set(left, name, pc.if_else(emptied, pa.scalar(value, kind), left[name]))
    before = left["redaction"] if "redaction" in left.column_names else pa.nulls(left.num_rows, pa.string())
    return _set(left, "redaction", pc.if_else(emptied, pa.scalar(ERASED), before))


def _set(table: pa.Table, name: str, values: Any) -> pa.Table:
    if name not in table.column_names:
        return table.append_column(name, values)
    return table.set_column(table.schema.get_field_index(name), name, values)
