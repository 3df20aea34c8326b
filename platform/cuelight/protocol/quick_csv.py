"""CSV read straight into typed columns, by Arrow's parser. Imports PyArrow: bring it in only where a CSV comes.

What is read here is what `decode` makes of the same body, to the bit; whatever the two could see differently, or Arrow
refuses, is left to `decode`, which says what is wrong with it, if anything.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow

from cuelight.kit.errors import BadInput
from cuelight.protocol import convert
from cuelight.protocol.rows import Array, Rows
from cuelight.protocol.signature import Column

_TYPES: Mapping[str, pa.DataType] = {
    "double": pa.float64(),
    "float": pa.float64(),
    "long": pa.int64(),
    "integer": pa.int32(),
    "boolean": pa.bool_(),
    "string": pa.string(),
    "binary": pa.string(),
    "datetime": pa.string(),
}
_HOLDS = {"double": 2.0**53, "float": 2.0**24}  # every integer below is itself; others are looked at in `decode`
_INTEGERS = ("long", "integer")
_HEXADECIMAL = (b"0x", b"0X")  # Arrow takes it for an integer
_MINUS_ZERO = np.float64(-0.0).view(np.int64)
_WHOLE_MINUS_ZERO = re.compile(rb"-0+[ \t]*(?:[,\r\n\"]|\Z)")  # an integer, and as such without a sign
_LONGEST = 1000  # bytes of a field: beyond, `decode` takes no integer, and Python's reader at some point no text
_MOST_COLUMNS = 1000
_MOST_KNOWN = 64  # header lines that a version remembers
# A field in quotes, shorter than the longest that Python's reader takes.
_QUOTED = re.compile(rb'"(?<![^,\n]")[^"]{0,10000}+(?:""[^"]{0,10000}+){0,10}+"(?![^,\r\n])')
_PLAIN = arrow.ParseOptions(quote_char=False)
_WITH_QUOTES = arrow.ParseOptions(newlines_in_values=True)


class _Unusual(Exception):
    """`decode` has to say what this body means."""


class _Way(NamedTuple):
    """How bodies with one header line are read: columns of the signature that are there, and what Arrow is told."""

    specs: Sequence[Column]
    names: Sequence[str]
    options: arrow.ConvertOptions
    integers: bool


class Reader:
    """Reads usual bodies, each in the way that its header line asks for."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._known: dict[bytes, _Way] = {}

    def read(self, body: bytes, max_rows: int) -> Rows | None:
        """The rows; None: `decode` has to say, also where there are more than `max_rows`."""
        try:
            if not _plain(body):
                return None
            way = self._way(body[: body.index(b"\n")])
            if way.integers and any(each in body for each in _HEXADECIMAL):
                return None
            parsing = _WITH_QUOTES if b'"' in body else _PLAIN
            table = arrow.read_csv(pa.BufferReader(body), _reading(way, body), parsing, way.options)
            return _rows(way, table, body) if 0 < table.num_rows <= max_rows else None
        except (_Unusual, BadInput, ValueError, csv.Error, pa.ArrowException):
            return None

    def _way(self, header: bytes) -> _Way:
        way = self._known.get(header)
        if way is None:
            way = _way(header, self._columns)
            if len(self._known) < _MOST_KNOWN:
                self._known[header] = way
        return way


def reader(columns: Sequence[Column]) -> Reader | None:
    """A reader for a signature of these columns; None where `decode` has to read everything."""
    names = {each.name for each in columns}
    usual = len(names) == len(columns) and all(each.type in _TYPES for each in columns)
    return Reader(columns) if columns and usual else None


def _plain(body: bytes) -> bool:
    """Whether all readers see the same fields: UTF-8, quotes around whole fields only, usual line ends, none very long.

    Raises:
        UnicodeDecodeError: it is not UTF-8.
    """
    if b"\r" in body and body.count(b"\r") != body.count(b"\r\n"):
        return False
    if b'"' in body and b'"' in _QUOTED.sub(b"", body):
        return False
    if not body.isascii():
        body.decode()
    return _are_short(body)


def _are_short(body: bytes) -> bool:
    """Whether no field is longer than `_LONGEST`, found by leaps of nearly that length."""
    at = 0
    while len(body) - at > _LONGEST:
        end = body.rfind(b",", at, at + _LONGEST)
        if end < 0 and (end := body.rfind(b"\n", at, at + _LONGEST)) < 0:
            return False
        at = end + 1
    return True


def _way(header: bytes, columns: Sequence[Column]) -> _Way:
    """How bodies with this header line are read.

    Raises:
        _Unusual: the line is empty, a name is there twice, or one that is needed is not.
        csv.Error: a name goes on in the next line.
    """
    line = header.decode("utf-8-sig").removesuffix("\r")
    names = next(csv.reader([line], strict=True), [])
    given = set(names)
    specs = [each for each in columns if each.name in given]
    lacking = any(each.required and each.name not in given for each in columns)
    if not specs or lacking or len(given) < len(names) or len(names) > _MOST_COLUMNS:
        raise _Unusual
    options = arrow.ConvertOptions(
        column_types={each.name: _TYPES[each.type] for each in specs},
        include_columns=[each.name for each in specs],
        null_values=[""],
        true_values=["true", "True", "TRUE"],
        false_values=["false", "False", "FALSE"],
        strings_can_be_null=True,
    )
    return _Way(specs, names, options, any(each.type in _INTEGERS for each in specs))


def _reading(way: _Way, body: bytes) -> arrow.ReadOptions:
    return arrow.ReadOptions(use_threads=False, block_size=len(body), skip_rows=1, column_names=way.names)


def _rows(way: _Way, table: pa.Table, body: bytes) -> Rows:
    arrays = [_MAKERS.get(spec.type, _converted)(table.column(spec.name), spec) for spec in way.specs]
    if any(_minus_zeros(each) for each in arrays) and _WHOLE_MINUS_ZERO.search(body):
        raise _Unusual
    columns = {spec.name: _narrow(each, spec) for spec, each in zip(way.specs, arrays, strict=True)}
    return Rows(columns, table.num_rows)


def _minus_zeros(values: Array) -> bool:
    return values.dtype == np.float64 and bool((values.view(np.int64) == _MINUS_ZERO).any())


def _narrow(values: Array, spec: Column) -> Array:
    return values.astype(np.float32) if spec.type == "float" else values


def _floats(given: pa.ChunkedArray, spec: Column) -> Array:
    values = _array(given)
    if np.count_nonzero(np.abs(values) < _HOLDS[spec.type]) + given.null_count < len(values):  # NaN is not below
        raise _Unusual
    return values


def _filled(given: pa.ChunkedArray, _spec: Column) -> Array:
    if given.null_count:
        raise _Unusual
    return _array(given)


def _texts(given: pa.ChunkedArray, _spec: Column) -> Array:
    return _array(given)


def _converted(given: pa.ChunkedArray, spec: Column) -> Array:
    return convert.column(given.to_pylist(), spec)


def _array(given: pa.ChunkedArray) -> Array:
    """Values that may be written into; where there is none, NaN or None."""
    values: Array = given.chunk(0).to_numpy(zero_copy_only=False, writable=True)
    return values


_MAKERS: Mapping[str, Callable[[Any, Column], Array]] = {
    "double": _floats,
    "float": _floats,
    "long": _filled,
    "integer": _filled,
    "boolean": _filled,
    "string": _texts,
}
