"""Typed arrays, as tables and binary tensors bring them, into a signature's types: exactly, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cuelight.kit.errors import BadInput
from cuelight.protocol import convert, fit
from cuelight.protocol.rows import Array, Rows
from cuelight.protocol.signature import Column, Signature, Tensor

_NUMBERS = "iuf"
_MOMENT = np.dtype("datetime64[ns]")
_NULLS = {"double": np.float64("nan"), "float": np.float32("nan"), "datetime": np.datetime64("NaT", "ns")}


@dataclass(frozen=True)
class Typed:
    """Values of one column or tensor; `missing` is true where there is none, None: nowhere.

    Kinds: numbers, booleans, moments (`datetime64`), objects (texts, bytes, None). Where a value is missing,
    `values` holds anything of its kind. They may be a read-only view of the request's body.
    """

    values: Array
    missing: Array | None = None


def rows(given: Mapping[str, Typed], signature: Signature) -> Rows:
    """Typed columns as the signature's rows; without a signature as they are.

    Raises:
        BadInput: one is missing, has another length, or holds what its type can't hold exactly; the message names
            column and row, never the value.
    """
    if signature.tensors:
        return _tensors(given, signature.tensors)
    counts = {len(each.values) for each in given.values()}
    if len(counts) > 1:
        raise BadInput("All columns must have the same number of rows.")
    count = counts.pop() if counts else 0
    if count == 0:
        raise BadInput("There are no rows to score.")
    if not signature.columns:
        fit.width(len(given))
    specs = signature.columns or tuple(Column(name, _type_of(each)) for name, each in given.items())
    return Rows({each.name: column(given[each.name], each) for each in fit.columns(given, specs)}, count)


def column(given: Typed, spec: Column) -> Array:
    """A column of shape (rows,) in the type of `spec`.

    Raises:
        BadInput: a value can't be one of that type, or not exactly.
    """
    if spec.type in _NULLS and given.missing is not None and given.missing.all():
        return np.full(len(given.values), _NULLS[spec.type])
    if given.values.ndim > 1 and spec.type in _CONVERTERS:
        raise BadInput(f"Column `{fit.short(spec.name)}`: one value a row is needed, not a list.")
    return _CONVERTERS.get(spec.type, _objects)(given, spec)


def tensor(given: Typed, spec: Tensor) -> Array:
    """An array of the tensor's dtype and shape.

    Raises:
        BadInput: shape or values do not fit.
    """
    label, wanted, values = fit.label(spec), np.dtype(spec.dtype), given.values
    if given.missing is not None and given.missing.any():
        raise BadInput(f"{label} must hold values only, without nulls.")
    if values.dtype == object or wanted.kind not in "biuf":
        return convert.tensor(values.tolist(), spec)
    if values.dtype.kind not in ("b" if wanted.kind == "b" else _NUMBERS):
        raise BadInput(f"{label} must hold {wanted} values only, without nulls.")
    cast, wrong = _cast(values, wanted)
    if wrong.size:
        raise BadInput(f"{label} holds values that {wanted} can't hold exactly.")
    return fit.shaped(cast, spec)


def _tensors(given: Mapping[str, Typed], specs: tuple[Tensor, ...]) -> Rows:
    if len(specs) == 1 and not specs[0].name and given:
        given = {"": _stack(given, specs[0])}
    fit.tensors(given, specs)
    arrays = {each.name: tensor(given[each.name], each) for each in specs}
    counts = {len(each) for each in arrays.values()}
    if len(counts) != 1 or 0 in counts:
        raise BadInput("All inputs must have the same number of rows, at least one.")
    return Rows(arrays, counts.pop(), tensors=True)


def _stack(given: Mapping[str, Typed], spec: Tensor) -> Typed:
    """Columns side by side, as the one array that a model of an unnamed tensor takes."""
    if len(given) == 1:
        return next(iter(given.values()))
    one = {name: tensor(each, Tensor(name, spec.dtype, (-1,))) for name, each in given.items()}
    if len({len(each) for each in one.values()}) != 1:
        raise BadInput("All columns must have the same number of rows.")
    return Typed(np.column_stack(list(one.values())))


def _cast(values: Array, wanted: np.dtype[Any]) -> tuple[Array, Array]:
    """Numbers as `wanted`, and the flat positions of those that it does not hold exactly (NaN is none of them)."""
    if values.dtype == np.float16:
        values = values.astype(np.float32)  # every bound below is one of its numbers
    have = values.dtype
    if have == wanted:
        return values, np.flatnonzero(np.isinf(values)) if have.kind == "f" else np.empty(0, np.int64)
    with np.errstate(invalid="ignore", over="ignore"):
        cast = values.astype(wanted)
        if wanted.kind == "f":
            wrong = np.isinf(cast) if have.kind == "f" else np.zeros(1, bool)
            if have.kind == "f" and have.itemsize > wanted.itemsize:
                wrong = wrong | ((cast.astype(have) != values) & ~np.isnan(values))
            elif have.kind in "iu":
                return cast, _rounded(values, cast, convert.EXACT[wanted.name])
            return cast, np.flatnonzero(wrong)
    low, high = int(np.iinfo(wanted).min), int(np.iinfo(wanted).max)
    if have.kind == "f":
        # The bounds as floats may round up beyond the type, hence `<` with the power of two above it.
        return cast, np.flatnonzero(~((values >= low) & (values < float(high + 1)) & (np.floor(values) == values)))
    bounds = np.iinfo(have)
    wrong = np.zeros(values.shape, bool)
    if bounds.min < low:
        wrong |= values < max(low, bounds.min)
    if bounds.max > high:
        wrong |= values > high
    return cast, np.flatnonzero(wrong)


def _rounded(values: Array, cast: Array, most: int) -> Array:
    """Flat positions of integers that became another number; `most`: the float holds all up to there."""
    flat, floats = values.ravel(), cast.ravel()
    doubtful = np.flatnonzero(np.abs(floats) >= most).tolist()
    return np.array([i for i in doubtful if not np.isfinite(floats[i]) or int(floats[i]) != int(flat[i])], np.int64)


def _floats(name: str) -> Callable[[Typed, Column], Array]:
    wanted = np.dtype(name)

    def into(given: Typed, spec: Column) -> Array:
        values = _of_kind(given, spec, _NUMBERS, "a number")
        cast, wrong = _cast(values, wanted)
        bad = _there(wrong, given.missing)
        if bad.size:
            what = "a finite number is needed" if not np.isfinite(values[bad[0]]) else f"{name} can't hold it exactly"
            raise fit.misfit(spec.name, int(bad[0]), what)
        if given.missing is None:
            return cast
        return np.where(given.missing, np.array(np.nan, wanted), cast)

    return into


def _integers(name: str) -> Callable[[Typed, Column], Array]:
    wanted = np.dtype(name)

    def into(given: Typed, spec: Column) -> Array:
        values = _of_kind(given, spec, _NUMBERS, "a whole number")
        _no_nulls(given, spec)
        cast, wrong = _cast(values, wanted)
        if wrong.size:
            raise fit.misfit(spec.name, int(wrong[0]), f"a whole number in the range of type {spec.type} is needed")
        return cast

    return into


def _booleans(given: Typed, spec: Column) -> Array:
    values = _of_kind(given, spec, "b", "true or false")
    _no_nulls(given, spec)
    return values


def _texts(given: Typed, spec: Column) -> Array:
    return _of_type(given, spec, str, "a string")


def _bytes(given: Typed, spec: Column) -> Array:
    return _of_type(given, spec, bytes, "binary data")


def _moments(given: Typed, spec: Column) -> Array:
    values = _of_kind(given, spec, "M", "a date or time")
    cast = values.astype(_MOMENT)
    missing = np.isnat(values)
    wrong = np.flatnonzero((cast.astype(values.dtype) != values) & ~missing)
    if wrong.size:
        raise fit.misfit(spec.name, int(wrong[0]), "beyond what a date and time to the nanosecond can hold")
    return cast if given.missing is None else np.where(given.missing, np.array("NaT", _MOMENT), cast)


def _objects(given: Typed, _spec: Column) -> Array:
    if given.values.ndim == 1 and given.missing is None:
        return given.values
    listed = np.empty(len(given.values), dtype=object)
    for row, value in enumerate(given.values.tolist()):  # one by one: lists would be a second dimension
        listed[row] = value
    if given.missing is not None:
        listed[given.missing] = None
    return listed


def _of_kind(given: Typed, spec: Column, kinds: str, what: str) -> Array:
    if given.values.dtype.kind not in kinds:
        raise BadInput(f"Column `{fit.short(spec.name)}`: {what} is needed, and its type is another.")
    return given.values


def _of_type(given: Typed, spec: Column, kind: type, what: str) -> Array:
    values = _objects(given, spec)
    if values.dtype != object:
        raise BadInput(f"Column `{fit.short(spec.name)}`: {what} is needed, and its type is another.")
    if not set(map(type, values.tolist())) <= {kind, type(None)}:
        row = next(i for i, each in enumerate(values.tolist()) if each is not None and type(each) is not kind)
        raise fit.misfit(spec.name, row, f"{what} is needed")
    return values


def _no_nulls(given: Typed, spec: Column) -> None:
    if given.missing is not None and given.missing.any():
        raise fit.misfit(spec.name, int(np.flatnonzero(given.missing)[0]), f"type {spec.type} has no missing value")


def _there(positions: Array, missing: Array | None) -> Array:
    return positions if missing is None else positions[~missing[positions]]


def _type_of(given: Typed) -> str:
    """The type of a column that no signature describes."""
    nulls = given.missing is not None and bool(given.missing.any())
    kind = given.values.dtype.kind
    if given.values.ndim > 1:
        return "object"
    if kind in _NUMBERS:
        return "double" if kind == "f" or nulls else "long"
    if kind == "b" and not nulls:
        return "boolean"
    return "datetime" if kind == "M" else "object"


_CONVERTERS: dict[str, Callable[[Typed, Column], Array]] = {
    "double": _floats("float64"),
    "float": _floats("float32"),
    "long": _integers("int64"),
    "integer": _integers("int32"),
    "boolean": _booleans,
    "string": _texts,
    "binary": _bytes,
    "datetime": _moments,
}
