"""How large a table becomes when it is decoded: read from its own headers, before anything of it is decoded.

A file's summary may lie, so each page and buffer is asked, by what the decoder itself will go by.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from cuelight.kit.errors import BadInput

_PARQUET = b"PAR1"
_MOST_PAGES, _LARGEST_FOOTER = 20_000, 1 << 20
_MOST_READ = 1 << 22  # bytes and entries of all headers: each is looked at by itself
_ROW_GROUPS, _CHUNKS, _CHUNK = 4, 1, 3  # fields of a footer, a row group, a chunk
_COMPRESSED, _DATA, _DICTIONARY = 7, 9, 11  # fields of a chunk's metadata: its size, and where its pages begin
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3
_DELTA_BYTE_ARRAY = 7
_VALUE = 8  # bytes that a decoded value takes, about


def of_arrow(body: bytes) -> int:
    """Bytes that the buffers of an Arrow stream take, compressed ones as they will be.

    Raises:
        ArrowException, struct.error: it can't be read.
    """
    return sum(_buffers(each) for each in pa.MessageReader.open_stream(pa.BufferReader(body)))


def _buffers(message: pa.Message) -> int:
    """Compressed buffers begin with the length that they will have, -1: as they are.

    The metadata is a flatbuffer: a table is found by its offset, a field by its number in the table's index.
    """
    content = memoryview(message.metadata)
    root = _at("<I", content, 0)
    kind = _field(content, root, 1)
    batch = _table(content, root, 2)
    if batch is None or kind is None or content[kind] not in (_DICTIONARY_BATCH, _RECORD_BATCH):
        return 0
    if content[kind] == _DICTIONARY_BATCH:
        batch = _table(content, batch, 1)
    buffers = None if batch is None else _table(content, batch, 2)
    body = memoryview(message.body or b"")
    if batch is None or buffers is None or _field(content, batch, 3) is None:
        return len(body)
    total = 0
    for place in range(buffers + 4, buffers + 4 + 16 * _at("<I", content, buffers), 16):
        offset, length = struct.unpack_from("<qq", content, place)
        if length > 0:
            claimed = _at("<q", body, offset)
            total += length if claimed == -1 else abs(claimed)
    return total


def _field(content: memoryview, table: int, number: int) -> int | None:
    index = table - _at("<i", content, table)
    place = 4 + 2 * number
    offset = _at("<H", content, index + place) if place < _at("<H", content, index) else 0
    return table + offset if offset else None


def _table(content: memoryview, table: int, number: int) -> int | None:
    place = _field(content, table, number)
    return None if place is None else place + _at("<I", content, place)


def _at(form: str, content: memoryview, place: int) -> int:
    return int(struct.unpack_from(form, content, place)[0])


def of_parquet(body: bytes) -> int:
    """Bytes that all pages of a Parquet file take, and the values in them.

    The footer is read here and not by PyArrow: asked for its column chunks, PyArrow ends the process on a damaged one.

    Raises:
        BadInput: its footer, pages or headers are more than any honest request's, or an encoding hides its size.
        IndexError, KeyError, TypeError, ValueError: it can't be read.
    """
    size = _at("<I", memoryview(body), len(body) - len(_PARQUET) - 4)
    if not body.endswith(_PARQUET) or size > len(body) - 8:
        raise ValueError("no Parquet file")
    if size > _LARGEST_FOOTER:
        raise BadInput(f"The Parquet file's footer is larger than {_LARGEST_FOOTER} bytes: send fewer columns.")
    headers = _Compact(body)
    footer, _ = headers.struct_at(len(body) - 8 - size)
    total = pages = 0
    for group in footer[_ROW_GROUPS]:
        for chunk in group[_CHUNKS]:
            for page, values in _pages(headers, chunk[_CHUNK]):
                total += page + _VALUE * values
                pages += 1
                if pages > _MOST_PAGES:
                    raise BadInput("The Parquet file has too many pages for one request.")
    return total


def _pages(headers: _Compact, chunk: dict[int, Any]) -> Iterator[tuple[int, int]]:
    """Uncompressed size and number of values of each page of a column chunk."""
    place = chunk[_DATA]
    if 0 < chunk.get(_DICTIONARY, 0) < place:
        place = chunk[_DICTIONARY]
    end = place + chunk[_COMPRESSED]
    while place < end:
        header, place = headers.struct_at(place)
        size, stored = header[2], header[3]
        if size < 0 or stored < 0:
            raise ValueError("a page of negative size")
        data = header.get(5) or header.get(8) or {}
        if not isinstance(data, dict):
            raise ValueError("no page header")
        if data.get(2 if 5 in header else 4) == _DELTA_BYTE_ARRAY:
            raise BadInput("Parquet's encoding DELTA_BYTE_ARRAY is not taken: write with dictionary or plain encoding.")
        place += stored
        yield size, max(0, data.get(1, 0))


class _Compact:
    """Thrift's compact protocol: a struct becomes a dict by field number, texts are passed by.

    What it reads of one content is bounded in all: a list may claim any length, also of what takes no bytes here.
    """

    _MOST_NESTED = 8

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._place = 0
        self._left = _MOST_READ

    def struct_at(self, place: int) -> tuple[dict[int, Any], int]:
        """The struct that begins there, and where it ends."""
        self._place = place
        return self._struct(0), self._place

    def _struct(self, depth: int) -> dict[int, Any]:
        if self._place < 0:
            raise ValueError("no Thrift")
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._integer()
            kind = head & 15
            fields[number] = kind == 1 if kind in (1, 2) else self._value(kind, depth)  # a boolean is its type
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if depth > self._MOST_NESTED:
            raise ValueError("no Thrift")
        if kind in (1, 2, 3):
            return self._byte()
        if kind in (4, 5, 6):
            return self._integer()
        if kind == 7:
            self._place += 8
            return None
        if kind == 8:
            length = self._unsigned()
            self._place += length
            return None
        if kind in (9, 10):
            return self._list(depth)
        if kind == 12:
            return self._struct(depth + 1)
        raise ValueError("no Thrift")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        size = head >> 4 if head >> 4 < 15 else self._unsigned()
        self._spend(size)
        return [self._value(head & 15, depth + 1) for _ in range(size)]

    def _spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise BadInput("The Parquet file's headers are too long for one request.")

    def _byte(self) -> int:
        self._spend(1)
        value = self._content[self._place]
        self._place += 1
        return value

    def _unsigned(self) -> int:
        value = shift = 0
        while shift < 64:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
        raise ValueError("no Thrift")

    def _integer(self) -> int:
        zigzag = self._unsigned()
        return (zigzag >> 1) ^ -(zigzag & 1)
