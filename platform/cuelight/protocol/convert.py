"""Values from a request into a column of the signature's type: stricter than MLflow, never silently narrower."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import numpy as np

from cuelight.kit.errors import BadInput, TooLarge
from cuelight.protocol import fit
from cuelight.protocol.rows import Array
from cuelight.protocol.signature import Column, Tensor

_RANGES = {"integer": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}
EXACT = {"float64": 2**53, "float32": 2**24, "float16": 2**11}  # up to here a float holds every integer
_LARGEST_TEXTS = 1 << 26  # bytes of one tensor
_FIRST_YEAR, _LAST_YEAR = 1678, 2261
_FRACTION = re.compile(r"[.,](\d{6})(\d+)")


def column(values: Sequence[Any], spec: Column) -> Array:
    """A column of shape (len(values),).

    Raises:
        BadInput: a value does not fit the type; the message names the column and the row, never the value.
    """
    return _CONVERTERS.get(spec.type, objects)(values, spec.name)


def tensor(values: Any, spec: Tensor) -> Array:
    """An array of the tensor's dtype and shape.

    Raises:
        BadInput: shape or values do not fit.
        TooLarge: the texts together, each with the room of the longest one.
    """
    label, wanted = fit.label(spec), np.dtype(spec.dtype)
    try:
        # Without a type NumPy would give each text the room of the longest one.
        array = np.asarray(values, dtype=object if holds_texts(values) else None)
    except ValueError as error:
        raise BadInput(f"{label} is ragged: all rows need the same shape.") from error
    kinds = _kinds(values, array.ndim)
    allowed = _TENSOR_KINDS.get(wanted.kind)
    if allowed is None or not kinds <= allowed or (array.dtype == object and wanted.kind not in "USO"):
        raise BadInput(f"{label} must hold {wanted} values only, without nulls.")
    if wanted.kind in "iuf" and int in kinds:
        array = _exact(values, array, wanted, label)
    array = fit.shaped(array, spec)
    if wanted.kind in "US":
        return _fixed(array, wanted, label)
    with np.errstate(invalid="ignore", over="ignore"):
        cast = array.astype(wanted)
    if wanted.kind in "iu" and not np.array_equal(cast, array):
        raise BadInput(f"{label} holds values that {wanted} can't hold exactly.")
    if wanted.kind == "f" and not np.array_equal(np.isfinite(cast), np.isfinite(array.astype(float))):
        raise BadInput(f"{label} holds values beyond the range of {wanted}.")
    return cast


_TENSOR_KINDS: dict[str, set[type]] = {
    "b": {bool},
    "i": {int, float},
    "u": {int, float},
    "f": {int, float},
    "U": {str},
    "S": {str},
    "O": {str},
}


def holds_texts(values: Any) -> bool:
    """Whether texts or bytes are anywhere in nested lists."""
    level: list[Any] = [values]
    while level:
        kinds = set(map(type, level))
        if str in kinds or bytes in kinds:
            return True
        level = list(chain.from_iterable(each for each in level if type(each) is list)) if list in kinds else []
    return False


def _fixed(texts: Array, wanted: np.dtype[Any], label: str) -> Array:
    """Texts as NumPy holds them by itself: each with the room of the longest."""
    room = 4 * max(map(len, texts.ravel().tolist()), default=0) * texts.size
    if room > _LARGEST_TEXTS:
        raise TooLarge(
            f"{label} would take {room} bytes, more than {_LARGEST_TEXTS}: each text as much as the longest."
        )
    try:
        return texts.astype(wanted)
    except UnicodeEncodeError:
        raise BadInput(f"{label} must hold ASCII characters only.") from None


def _leaves(values: Any, depth: int) -> Iterable[Any]:
    if depth == 0:
        return [values]
    for _ in range(depth - 1):
        values = chain.from_iterable(values)
    return values  # type: ignore[no-any-return]


def _kinds(values: Any, depth: int) -> set[type]:
    """The types in a nested list; NumPy would take a boolean among numbers for one of them."""
    return set(map(type, _leaves(values, depth)))


def _exact(values: Any, array: Array, wanted: np.dtype[Any], label: str) -> Array:
    """The array with its integers as they were written: NumPy rounds big ones where a fraction is beside them.

    Raises:
        BadInput: a float type can't hold an integer exactly.
    """
    most = EXACT.get(wanted.name, 2**53)
    if array.size and max(abs(float(array.max())), abs(float(array.min()))) < min(most, 2**53):
        return array
    if wanted.kind == "f":
        if any(type(each) is int and float(wanted.type(each)) != each for each in _leaves(values, array.ndim)):
            raise BadInput(f"{label} holds an integer that {wanted} can't hold exactly.")
        return array
    whole = [int(each) if float(each).is_integer() else each for each in _leaves(values, array.ndim)]
    low, high = np.iinfo(wanted).min, np.iinfo(wanted).max
    if not all(isinstance(each, int) and low <= each <= high for each in whole):
        raise BadInput(f"{label} holds values that {wanted} can't hold exactly.")
    return np.array(whole, dtype=wanted).reshape(array.shape)


def _floats(values: Sequence[Any], name: str) -> Array:
    if set(map(type, values)) == {float}:
        return np.array(values, dtype=np.float64)
    for row, value in enumerate(values):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise fit.misfit(name, row, f"a number is needed, not {_kind(value)}")
    try:
        array = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    except OverflowError as error:
        raise BadInput(f"Column `{fit.short(name)}` holds a number beyond the range of a double.") from error
    _hold_integers(values, array, EXACT["float64"], name)
    return array


def _singles(values: Sequence[Any], name: str) -> Array:
    wide = _floats(values, name)
    with np.errstate(over="ignore"):
        narrow: Array = wide.astype(np.float32)
    if not np.array_equal(np.isinf(narrow), np.isinf(wide)):
        raise BadInput(f"Column `{fit.short(name)}` holds a number beyond the range of a 32-bit float.")
    _hold_integers(values, narrow, EXACT["float32"], name)
    return narrow


def _hold_integers(values: Sequence[Any], array: Array, most: int, name: str) -> None:
    """A decimal fraction is rounded to the nearest float, as ever; an integer (an id, a count) must stay itself."""
    with np.errstate(invalid="ignore"):
        big = np.flatnonzero(np.abs(array) >= most)
    for row in big.tolist():
        if isinstance(values[row], int) and float(array[row]) != values[row]:
            raise fit.misfit(
                name, row, f"this integer is beyond what {array.dtype} holds exactly; send it with a fraction"
            )


def _integers(kind: str) -> Callable[[Sequence[Any], str], Array]:
    low, high = _RANGES[kind]

    def convert(values: Sequence[Any], name: str) -> Array:
        for row, value in enumerate(values):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise fit.misfit(name, row, f"a whole number is needed, not {_kind(value)}")
            if isinstance(value, float) and not value.is_integer():
                raise fit.misfit(name, row, "a whole number is needed, and this has a fraction")
            if not low <= value <= high:
                raise fit.misfit(name, row, f"beyond the range of type {kind}")
        return np.array([int(value) for value in values], dtype=np.int32 if kind == "integer" else np.int64)

    return convert


def _booleans(values: Sequence[Any], name: str) -> Array:
    for row, value in enumerate(values):
        if not isinstance(value, bool):
            raise fit.misfit(name, row, f"true or false is needed, not {_kind(value)}")
    return np.array(values, dtype=np.bool_)


def _strings(values: Sequence[Any], name: str) -> Array:
    if not set(map(type, values)) <= {str, type(None)}:
        for row, value in enumerate(values):
            if not isinstance(value, str | None):
                raise fit.misfit(name, row, f"a string is needed, not {_kind(value)}")
    return objects(values, name)


def _bytes(values: Sequence[Any], name: str) -> Array:
    decoded: list[bytes | None] = []
    for row, value in enumerate(values):
        try:
            decoded.append(None if value is None else base64.b64decode(value, validate=True))
        except (TypeError, ValueError, binascii.Error) as error:
            raise fit.misfit(name, row, "base64 text is needed") from error
    return objects(decoded, name)


def _datetimes(values: Sequence[Any], name: str) -> Array:
    moments = np.empty(len(values), dtype="datetime64[ns]")
    for row, value in enumerate(values):
        try:
            moments[row] = np.datetime64("NaT") if value is None else _moment(value)
        except (TypeError, ValueError) as error:
            raise fit.misfit(name, row, "an ISO 8601 date or time is needed") from error
        except OverflowError as error:
            raise fit.misfit(name, row, "beyond what a date and time to the nanosecond can hold") from error
    return moments


def _moment(text: str) -> np.datetime64:
    """An ISO 8601 text in UTC, to the nanosecond.

    Raises:
        OverflowError: out of the years 1678 to 2261, or finer than a nanosecond.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise OverflowError(moment.year)
    fraction = _FRACTION.search(text)  # Python's datetime stops at microseconds
    finer = fraction[2].rstrip("0") if fraction else ""
    if len(finer) > 3:
        raise OverflowError(len(finer))
    return np.datetime64(moment, "ns") + np.timedelta64(int(finer.ljust(3, "0")), "ns")


def objects(values: Sequence[Any], _name: str = "") -> Array:
    """Values as they are, in an array of shape (len(values),)."""
    # Not by `np.array`, which would take rows that are lists for a second dimension.
    return np.fromiter(values, dtype=object, count=len(values))


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
