"""One tensor on the wire: its values in JSON or as bytes, and the same as arrays."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from cuelight.kit.errors import BadInput
from cuelight.protocol import convert, fit
from cuelight.protocol.rows import Array
from cuelight.protocol.signature import Column
from cuelight.protocol.typed import Typed

DTYPES = {
    "BOOL": "bool",
    **{f"{sign}INT{bits}": f"{sign.lower()}int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": f"float{bits}" for bits in (16, 32, 64)},
}
DATATYPES = {dtype: datatype for datatype, dtype in DTYPES.items()}
BYTES = "BYTES"
_TEXT_LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class Given:
    """One input tensor as it was sent: its values in JSON, or as bytes."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: Any

    @property
    def count(self) -> int:
        return math.prod(self.shape)


def from_bytes(given: Given) -> Typed:
    """Numbers or booleans that came as bytes, in the tensor's shape; not a copy where they are aligned."""
    dtype = np.dtype(DTYPES[given.datatype]).newbyteorder("<")
    if given.count * dtype.itemsize != len(given.data):
        raise _lies(given)
    if given.datatype == "BOOL":
        raw = np.frombuffer(given.data, np.uint8)
        if (raw > 1).any():
            raise BadInput(f"Input `{fit.short(given.name)}`: a BOOL is one byte, 0 or 1.")
    values = np.frombuffer(given.data, dtype)
    aligned = np.require(values, dtype.newbyteorder("="), "A")  # it may begin anywhere
    return Typed(aligned.reshape(given.shape))


def read_texts(given: Given) -> list[bytes]:
    """BYTES: each with its length before it, in four bytes."""
    if 4 * given.count > len(given.data):
        raise _lies(given)
    content, end, texts = bytes(given.data), 0, []
    try:
        for _ in range(given.count):
            start = end + _TEXT_LENGTH.size
            end = start + _TEXT_LENGTH.unpack_from(content, end)[0]
            texts.append(content[start:end])
    except struct.error:
        raise _lies(given) from None
    if end != len(content):  # also where the last one was cut short
        raise _lies(given)
    return texts


def flat_values(given: Given) -> list[Any]:
    """The values of `data` one after the other, be they nested or not."""
    values = given.data
    if not isinstance(values, list):
        raise BadInput(f"Input `{fit.short(given.name)}` has neither `data`, a list, nor `binary_data_size`.")
    if values and isinstance(values[0], list):
        if len(values) != given.shape[0]:
            raise _lies(given)
        for size in given.shape[1:]:
            if not all(isinstance(each, list) and len(each) == size for each in values):
                raise _lies(given)
            values = list(chain.from_iterable(values))
    if len(values) != given.count:
        raise _lies(given)
    return values


def _lies(given: Given) -> BadInput:
    return BadInput(
        f"Input `{fit.short(given.name)}`: its data is not what its shape {list(given.shape)} and datatype say."
    )


def read_values(given: Given, spec: Column | None) -> Typed:
    """The tensor's values in its shape; texts as `spec` reads them."""
    if isinstance(given.data, memoryview) and given.datatype != BYTES:
        return from_bytes(given)
    flat = read_texts(given) if isinstance(given.data, memoryview) else flat_values(given)
    one = typed_values(flat, given.name, given.datatype, spec)
    missing = None if one.missing is None else one.missing.reshape(given.shape)
    return Typed(one.values.reshape(given.shape), missing)


def typed_values(values: Sequence[Any], name: str, datatype: str, spec: Column | None) -> Typed:
    """Values of JSON, or texts, in the tensor's datatype: what MLflow's JSON takes for that type, and no more.

    Raises:
        BadInput: one is not of the datatype; the message names tensor and row.
    """
    kind = spec.type if spec else ""
    if datatype == BYTES:
        if kind == "binary" and any(isinstance(each, bytes) for each in values):
            return Typed(convert.objects(values))
        texts = _decoded(values, name)
        if kind in ("binary", "datetime"):
            return Typed(convert.column(texts, Column(name, kind)))
        return Typed(convert.column(texts, Column(name, "string")))
    if datatype == "BOOL":
        return Typed(convert.column(values, Column(name, "boolean")))
    wanted = np.dtype(DTYPES[datatype])
    if wanted.kind == "f":
        floats = convert.column(values, Column(name, "double" if datatype == "FP64" else "float"))
        with np.errstate(over="ignore"):
            narrow = floats.astype(wanted, copy=False)
        wrong = np.flatnonzero(np.isinf(narrow))
    elif datatype == "UINT64" and set(map(type, values)) == {int} and min(values) >= 0:
        return Typed(np.array(values, np.uint64))
    else:
        whole = convert.column(values, Column(name, "long"))
        limits = np.iinfo(wanted)
        wrong = np.flatnonzero(whole < limits.min) if wanted.kind == "u" else np.empty(0, np.int64)
        if limits.bits < 64:
            wrong = np.flatnonzero((whole < limits.min) | (whole > limits.max))
        narrow = whole.astype(wanted)
    if wrong.size:
        raise fit.misfit(name, int(wrong[0]), f"beyond the range of {datatype}")
    return Typed(narrow)


def _decoded(values: Sequence[Any], name: str) -> list[Any]:
    """Bytes as texts, all else as it is."""
    texts: list[Any] = []
    try:
        texts.extend(each.decode() if isinstance(each, bytes) else each for each in values)
    except UnicodeDecodeError:  # what came before it is there
        raise fit.misfit(name, len(texts), "a text in UTF-8 is needed") from None
    return texts


def datatype_of(values: Array) -> str:
    """The protocol's word for an array's type."""
    return DATATYPES.get(values.dtype.name, BYTES)


def to_bytes(values: Array) -> bytes:
    """The array as the binary extension has it.

    Raises:
        BadInput: a text is missing.
    """
    if values.dtype != object:
        return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    texts = values.ravel().tolist()
    if None in texts:
        raise BadInput("The answer has missing texts, which binary tensors have no form for: ask for JSON.")
    parts = [each.encode() for each in texts]
    return b"".join(chain.from_iterable((_TEXT_LENGTH.pack(len(each)), each) for each in parts))
