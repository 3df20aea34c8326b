"""Values from a request into a column of the signature's type: stricter than MLflow, never silently narrower."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from cuelight.kit.errors import BadInput
from cuelight.protocol.rows import Array
from cuelight.protocol.signature import Column, Tensor

_RANGES = {"integer": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}


def column(values: Sequence[Any], spec: Column) -> Array:
    """A column of shape (len(values),).

    Raises:
        BadInput: a value does not fit the type; the message names the column and the row, never the value.
    """
    return _CONVERTERS.get(spec.type, _objects)(values, spec.name)


def tensor(values: Any, spec: Tensor) -> Array:
    """An array of the tensor's dtype and shape.

    Raises:
        BadInput: shape or values do not fit.
    """
    label = f"Input `{spec.name}`" if spec.name else "The input"
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise BadInput(f"{label} is ragged: all rows need the same shape.") from error
    wanted = np.dtype(spec.dtype)
    if array.dtype == object or (array.dtype.kind in "US") != (wanted.kind in "USO"):
        raise BadInput(f"{label} must hold {wanted} values only, without nulls.")
    if array.ndim == len(spec.shape) - 1 and spec.shape[0] == -1 and len(spec.shape) > 1:
        array = array[np.newaxis, ...]
    fits = array.ndim == len(spec.shape) and all(
        want in (-1, have) for want, have in zip(spec.shape, array.shape, strict=True)
    )
    if not fits:
        raise BadInput(f"{label} has shape {array.shape}; the model takes {spec.shape} (-1 is any length).")
    with np.errstate(invalid="ignore", over="ignore"):
        cast = array.astype(wanted)
    if wanted.kind in "iub" and not np.array_equal(cast, array):
        raise BadInput(f"{label} holds values that {wanted} can't hold exactly.")
    if wanted.kind == "f" and not np.array_equal(np.isfinite(cast), np.isfinite(array.astype(float))):
        raise BadInput(f"{label} holds values beyond the range of {wanted}.")
    return cast


def _fail(name: str, row: int, what: str) -> BadInput:
    return BadInput(f"Column `{name}`, row {row}: {what}.")


def _floats(values: Sequence[Any], name: str) -> Array:
    for row, value in enumerate(values):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise _fail(name, row, f"a number is needed, not {_kind(value)}")
    try:
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    except OverflowError as error:
        raise BadInput(f"Column `{name}` holds a number beyond the range of a double.") from error


def _singles(values: Sequence[Any], name: str) -> Array:
    wide = _floats(values, name)
    with np.errstate(over="ignore"):
        narrow = wide.astype(np.float32)
    if not np.array_equal(np.isinf(narrow), np.isinf(wide)):
        raise BadInput(f"Column `{name}` holds a number beyond the range of a 32-bit float.")
    return narrow


def _integers(kind: str) -> Callable[[Sequence[Any], str], Array]:
    low, high = _RANGES[kind]

    def convert(values: Sequence[Any], name: str) -> Array:
        for row, value in enumerate(values):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise _fail(name, row, f"a whole number is needed, not {_kind(value)}")
            if isinstance(value, float) and not value.is_integer():
                raise _fail(name, row, "a whole number is needed, and this has a fraction")
            if not low <= value <= high:
                raise _fail(name, row, f"beyond the range of type {kind}")
        return np.array([int(value) for value in values], dtype=np.int32 if kind == "integer" else np.int64)

    return convert


def _booleans(values: Sequence[Any], name: str) -> Array:
    for row, value in enumerate(values):
        if not isinstance(value, bool):
            raise _fail(name, row, f"true or false is needed, not {_kind(value)}")
    return np.array(values, dtype=np.bool_)


def _strings(values: Sequence[Any], name: str) -> Array:
    for row, value in enumerate(values):
        if value is not None and not isinstance(value, str):
            raise _fail(name, row, f"a string is needed, not {_kind(value)}")
    return _objects(values, name)


def _bytes(values: Sequence[Any], name: str) -> Array:
    decoded: list[bytes | None] = []
    for row, value in enumerate(values):
        try:
            decoded.append(None if value is None else base64.b64decode(value, validate=True))
        except (TypeError, ValueError, binascii.Error) as error:
            raise _fail(name, row, "base64 text is needed") from error
    return _objects(decoded, name)


def _datetimes(values: Sequence[Any], name: str) -> Array:
    moments = np.empty(len(values), dtype="datetime64[ns]")
    for row, value in enumerate(values):
        try:
            moment = None if value is None else datetime.fromisoformat(value)
        except (TypeError, ValueError) as error:
            raise _fail(name, row, "an ISO 8601 date or time is needed") from error
        if moment is not None and moment.tzinfo is not None:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
        moments[row] = np.datetime64("NaT") if moment is None else np.datetime64(moment)
    return moments


def _objects(values: Sequence[Any], _name: str) -> Array:
    array = np.empty(len(values), dtype=object)
    array[:] = list(values)
    return array


def _kind(value: Any) -> str:
    names = {type(None): "null", bool: "a boolean", str: "a string", dict: "an object", list: "a list"}
    return names.get(type(value), "a number")


_CONVERTERS: dict[str, Callable[[Sequence[Any], str], Array]] = {
    "double": _floats,
    "float": _singles,
    "long": _integers("long"),
    "integer": _integers("integer"),
    "boolean": _booleans,
    "string": _strings,
    "binary": _bytes,
    "datetime": _datetimes,
}
