"""The bytes of a journal segment, version 1; `docs/journal-format.md` is its specification. Pure: no files here."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from msgspec.json import Encoder
from msgspec.structs import asdict, replace

from cuelight.journal.record import Label, Prediction, Record, Schema

MAGIC = b"CUEJRN"
VERSION = 1
HEADER = MAGIC + struct.pack("<H", VERSION)

_FRAME = struct.Struct("<IIB")  # payload length, CRC-32 of (length, kind, payload), kind
_SEAL = struct.Struct("<IB")  # the part of the frame that the CRC covers
_PARTS = struct.Struct("<II")  # lengths of the metadata and of the request; the response is the rest
_KINDS: dict[int, type[Prediction] | type[Label] | type[Schema]] = {1: Prediction, 2: Label, 3: Schema}
_NUMBERS = {kind: number for number, kind in _KINDS.items()}
_NAMES = {
    kind: tuple(each for each in kind.__struct_fields__ if each not in ("request", "response"))
    for kind in _KINDS.values()
}
_COPIED = 1 << 14  # bytes
_LARGEST = 64  # bits: orjson's limit for an integer


def _plain(value: Any) -> Any:
    """An array as a list, and anything else that is not JSON's as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


_JSON = Encoder(enc_hook=_plain)


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes at `offset` that are no record; `torn` where nothing valid follows them."""

    offset: int
    content: bytes
    reason: str
    torn: bool = False


def encode(record: Record) -> bytes:
    """One frame: header and payload, ready to append."""
    return b"".join(pieces(record))


def pieces(record: Record) -> list[bytes]:
    """The same frame in pieces: where the bodies are large they come by themselves, not copied."""
    request = response = b""
    if isinstance(record, Prediction):
        request, response = record.request, record.response
        record = replace(record, request=b"", response=b"")
    metadata = _dump(record)
    start = _PARTS.pack(len(metadata), len(request)) + metadata
    kind = _NUMBERS[type(record)]
    if len(request) + len(response) <= _COPIED:
        return [frame(kind, start + request + response)]
    return [_head(kind, start, request, response) + start, request, response]


def frame(kind: int, payload: bytes) -> bytes:
    """A payload with its length, check and kind before it."""
    return _FRAME.pack(len(payload), _check(kind, len(payload), payload), kind) + payload


def _head(kind: int, *payload: bytes) -> bytes:
    length = sum(map(len, payload))
    return _FRAME.pack(length, _check(kind, length, *payload), kind)


def decode(kind: int, payload: bytes) -> Record:
    """The record of a payload whose CRC holds.

    Raises:
        ValueError: the kind is unknown, or the payload is not one of that kind.
    """
    if kind not in _KINDS:
        raise ValueError(f"unknown kind {kind}")
    try:
        size, request = _PARTS.unpack_from(payload)
        start = _PARTS.size + size
        document = orjson.loads(payload[_PARTS.size : start])
        known = {name: document[name] for name in _NAMES[_KINDS[kind]] if name in document}
        if kind == _NUMBERS[Prediction]:
            known |= {"request": payload[start : start + request], "response": payload[start + request :]}
        return _KINDS[kind](**known)
    except (struct.error, TypeError, ValueError) as error:
        raise ValueError(f"not a {_KINDS[kind].__name__}: {type(error).__name__}") from error


def read(content: bytes) -> Iterator[tuple[int, Record] | Damage]:
    """Each whole record with its offset, and each damage, in the order of the file.

    Bytes after the last valid frame are one `Damage` with `torn`: a write that did not end, or a file cut short.
    """
    if content[: len(HEADER)] != HEADER:
        if content:
            yield Damage(0, content, _header_fault(content), torn=HEADER.startswith(content))
        return
    offset, doubtful = len(HEADER), []
    while (found := _frame_at(content, offset)) is not None:
        end, kind, sound = found
        if not sound:
            doubtful.append((offset, end))
        else:
            # A valid frame after bad ones: their lengths led here, so they are bad in the middle, not a torn tail.
            yield from (Damage(a, content[a:b], "the check does not match") for a, b in doubtful)
            doubtful = []
            yield _record_or_damage(content, offset, end, kind)
        offset = end
    start = doubtful[0][0] if doubtful else offset
    if start < len(content):
        yield Damage(start, content[start:], "the tail is torn", torn=True)


def end_of(content: bytes, offset: int) -> int:
    """Where the frame that begins at `offset` ends."""
    return offset + _FRAME.size + int(_FRAME.unpack_from(content, offset)[0])


def _record_or_damage(content: bytes, offset: int, end: int, kind: int) -> tuple[int, Record] | Damage:
    try:
        return offset, decode(kind, content[offset + _FRAME.size : end])
    except ValueError as error:
        return Damage(offset, content[offset:end], str(error))


def _frame_at(content: bytes, offset: int) -> tuple[int, int, bool] | None:
    """End, kind and soundness of the frame at `offset`; None where no whole frame is."""
    if offset + _FRAME.size > len(content):
        return None
    length, check, kind = _FRAME.unpack_from(content, offset)
    end = offset + _FRAME.size + length
    if end > len(content):
        return None
    return end, kind, check == _check(kind, length, memoryview(content)[offset + _FRAME.size : end])


def _check(kind: int, length: int, *payload: bytes | memoryview) -> int:
    check = zlib.crc32(_SEAL.pack(length, kind))
    for piece in payload:
        check = zlib.crc32(piece, check)
    return check


def _header_fault(content: bytes) -> str:
    if content.startswith(MAGIC) and len(content) >= len(HEADER):
        return f"format version {content[len(MAGIC)]} is not {VERSION}: read it with a newer Cuelight"
    return "the file header is not a journal segment's"


def _dump(record: Record) -> bytes:
    try:
        return _JSON.encode(record)
    except (TypeError, ValueError, OverflowError):  # a lone surrogate, say: recorded as near as JSON allows
        return orjson.dumps(_sound(asdict(record)), default=_plain)


def _sound(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, int) and value.bit_length() >= _LARGEST:
        return float(value) if value.bit_length() < 1000 else str(value)
    if isinstance(value, dict):
        return {_sound(str(key)): _sound(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_sound(each) for each in value]
    return value
