"""From a request's columns to what a model's first step takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cuelight.protocol.rows import Rows
from cuelight.protocol.signature import Column, Signature
from cuelight.serving.versions.compiled.parts import Array, Matrix, Numbers, Step, Texts, Uncompilable, Unfit

_NUMERIC = {"boolean", "integer", "long", "float", "double"}
_SINGLE = {"float"}
_EXACT = 2.0**53  # doubles hold integers up to here


def inputs(model: Any, signature: Signature) -> list[Column]:
    """The columns that `model` was fitted on, in its order.

    Raises:
        Uncompilable: the signature has no such columns.
    """
    known = {each.name: each for each in signature.columns}
    names = getattr(model, "feature_names_in_", None)
    if not known or getattr(model, "n_features_in_", None) is None:
        raise Uncompilable
    if names is None:  # fitted on an array: by position
        return list(signature.columns)
    if any(name not in known for name in names):
        raise Uncompilable
    return [known[name] for name in names]


def tensor(signature: Signature) -> Step:
    """The lone input of doubles, of shape (rows, features).

    Raises:
        Uncompilable: it is another kind of input.
    """
    (only,) = signature.tensors if len(signature.tensors) == 1 else (None,)
    if only is None or only.name or only.dtype != "float64" or len(only.shape) != 2 or only.shape[1] < 1:
        raise Uncompilable

    def call(rows: Rows) -> Matrix:
        return without_infinity(np.array(rows.columns[""], order="C"))  # a copy: a step may write into it

    return Step(Numbers(only.shape[1]), call, plain=True)


def columns(chosen: Sequence[Column], whole: bool = False) -> Step:
    """Columns that are all numbers, or all strings; `whole`: they are all of the signature's, in its order.

    Raises:
        Uncompilable: they are mixed, or moments or bytes.
    """
    names, types = [each.name for each in chosen], {each.type for each in chosen}
    if not names:
        raise Uncompilable
    if whole and types == {"double"} and all(each.required for each in chosen):
        return Step(Numbers(len(names)), lambda rows: without_infinity(rows.matrix()), plain=True)
    if types <= _NUMERIC:
        return Step(Numbers(len(names), single=types == _SINGLE), _numbers(names, "long" in types), plain=True)
    if types == {"string"}:
        return Step(Texts(tuple(names)), _texts(names), plain=True)
    raise Uncompilable


def _numbers(names: Sequence[str], long: bool) -> Any:
    width = len(names)

    def call(rows: Rows) -> Matrix:
        given = rows.columns
        flat = np.concatenate([given[name] for name in names], dtype=np.float64)
        if long and not exact(flat):
            raise Unfit
        return without_infinity(np.ascontiguousarray(flat.reshape(width, rows.count).T))

    return call


def exact(values: Array) -> bool:
    """Whether doubles hold these whole numbers."""
    return not ((values >= _EXACT) | (values <= -_EXACT)).any()


def without_infinity(matrix: Matrix) -> Matrix:
    """Models refuse infinity, and each at its own place.

    Raises:
        Unfit: there is one.
    """
    if not np.isfinite(matrix).all() and np.isinf(matrix).any():
        raise Unfit
    return matrix


def _texts(names: Sequence[str]) -> Any:
    def call(rows: Rows) -> list[list[Any]]:
        listed = [rows.columns[name].tolist() for name in names]
        # What pandas makes of a null depends on the rows beside it: left to the model.
        if any(None in values for values in listed):
            raise Unfit
        return listed

    return call
