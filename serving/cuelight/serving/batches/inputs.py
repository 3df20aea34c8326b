"""Reads files once through, to cut them into parts and to know them again."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cuelight.kit.errors import BadInput, Refused
from cuelight.kit.place import Place
from cuelight.protocol import fit
from cuelight.protocol.signature import Signature
from cuelight.serving.batches.chunks import ALL
from cuelight.serving.batches.plan import CSV, PARQUET, Piece, Table
from cuelight.serving.batches.records import Ends
from cuelight.serving.batches.results import PART

PART_ROWS = 100_000
_BLOCK = 8 << 20  # bytes; a part of a CSV is no larger, but for a record that is
_ENDINGS = {".csv": CSV, ".parquet": PARQUET}


def survey(source: Place, signature: Signature, output: Place, part_rows: int = PART_ROWS) -> list[Table]:
    """The tables that a pattern stands for, by their names' order, each with the columns that the signature asks for.

    Parts in the output are none, whatever the pattern says: they were none when the batch began.

    Raises:
        BadInput: there are none, or one can't be read or lacks a column.
    """
    if signature.entries:
        raise Refused("This model takes a list with one entry a row, which no table holds: use `cuelight score`.")
    scored = re.compile(f"{re.escape(output.path.rstrip('/'))}/{PART.pattern}")
    paths = [each for each in source.matching() if not scored.fullmatch(each)]
    if not paths:
        raise BadInput(f"No file matches {source.url or source.path}. (A pattern does not reach into folders.)")
    tables = [_table(source.at(path), part_rows) for path in paths]
    for table in tables:
        try:
            _check(table, signature)
        except BadInput as error:
            raise BadInput(f"{table.path}: {error}") from error
    return tables


def check_kept(tables: list[Table], keep: Sequence[str]) -> None:
    """Hold the columns that are to be kept against those of the tables.

    Raises:
        BadInput: a table lacks one.
    """
    for table in tables:
        if missing := [each for each in keep if each not in (*table.columns, ALL)]:
            raise BadInput(f"{table.path} has no column {missing[0]!r} to keep. It has: {', '.join(table.columns)}.")


def _check(table: Table, signature: Signature) -> None:
    if len(set(table.columns)) != len(table.columns):
        raise BadInput("A column name is there twice.")
    if signature.columns:
        fit.columns(table.columns, signature.columns)
    elif signature.tensors and signature.tensors[0].name:
        fit.tensors(table.columns, signature.tensors)


def _table(place: Place, part_rows: int) -> Table:
    form = next((form for ending, form in _ENDINGS.items() if place.path.lower().endswith(ending)), None)
    if form is None:
        raise BadInput(f"{place.path}: the name must end in {' or '.join(_ENDINGS)}.")
    stamp = place.stamp()
    return replace(_csv(place, part_rows) if form == CSV else _parquet(place, part_rows), stamp=stamp)


def _parquet(place: Place, part_rows: int) -> Table:
    with place.open() as file:
        digest = hashlib.sha256()
        for block in _blocks(file):
            digest.update(block)
        try:
            content = pq.ParquetFile(file)
            rows = [content.metadata.row_group(each).num_rows for each in range(content.metadata.num_row_groups)]
            columns = tuple(content.schema_arrow.names)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise BadInput(f"{place.path} can't be read as Parquet ({type(error).__name__}).") from error
    return Table(place.path, PARQUET, digest.hexdigest(), columns, tuple(_grouped(rows, part_rows)))


def _grouped(rows: list[int], part_rows: int) -> Iterator[Piece]:
    """Row groups that follow each other, up to so many rows; one that has more is a part by itself."""
    start, first, count = 0, 0, 0
    for number, size in enumerate(rows):
        if count and count + size > part_rows:
            yield Piece(start, number, first, count)
            start, first, count = number, first + count, 0
        count += size
    if count:
        yield Piece(start, len(rows), first, count)


def _csv(place: Place, part_rows: int) -> Table:
    cutter = _Cutter(part_rows)
    with place.open() as file:
        for block in _blocks(file):
            cutter.take(block)
    return cutter.table(place.path)


class _Cutter:
    """Cuts a CSV behind so many records, or behind the last one of a block."""

    def __init__(self, part_rows: int) -> None:
        self._part_rows = part_rows
        self._ends = Ends()
        self._digest = hashlib.sha256()
        self._head = b""
        self._header: int | None = None  # where it ends
        self._pieces: list[Piece] = []

    def take(self, block: bytes) -> None:
        self._digest.update(block)
        ends = self._ends.of(block)
        if self._header is None:
            self._head += block
            if not len(ends):
                return
            self._header, ends = int(ends[0]), ends[1:]
            self._head = self._head[: self._header]
        while len(ends):
            count = min(len(ends), self._part_rows)
            self._cut(int(ends[count - 1]), count)
            ends = ends[count:]

    def table(self, path: str) -> Table:
        """What was taken.

        Raises:
            BadInput: it is no CSV in UTF-8 with a header and rows.
        """
        if self._ends.open:
            raise BadInput(f"{path}: a quotation mark is opened and never closed.")
        if self._header is None:
            raise BadInput(f"{path}: a CSV needs a header line and at least one row.")
        if self._ends.rest:
            self._cut(self._ends.position, 1)
        try:
            header = self._head.decode("utf-8-sig").strip("\r\n")
            (columns,) = csv.reader([header], strict=True)
        except (UnicodeDecodeError, csv.Error, ValueError) as error:
            raise BadInput(f"{path} is not CSV in UTF-8 ({type(error).__name__}).") from error
        return Table(path, CSV, self._digest.hexdigest(), tuple(columns), tuple(self._pieces), header)

    @property
    def _stop(self) -> int:
        return self._pieces[-1].stop if self._pieces else self._header or 0

    def _cut(self, stop: int, rows: int) -> None:
        first = self._pieces[-1].first + self._pieces[-1].rows if self._pieces else 0
        self._pieces.append(Piece(self._stop, stop, first, rows))


def _blocks(file: Any) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        yield bytes(block)
