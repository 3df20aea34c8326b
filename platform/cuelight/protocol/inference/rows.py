"""From a request's tensors to the rows of a signature: one tensor a column, one of all columns, or its own tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cuelight.kit.errors import BadInput
from cuelight.protocol import convert, fit, typed
from cuelight.protocol.inference.tensor import (
    BYTES,
    Given,
    flat_values,
    from_bytes,
    read_texts,
    read_values,
    typed_values,
)
from cuelight.protocol.rows import Rows
from cuelight.protocol.signature import Column, Signature
from cuelight.protocol.typed import Typed


def to_rows(given: Mapping[str, Given], signature: Signature) -> Rows:
    """The rows that tensors by name stand for.

    Raises:
        BadInput: they do not fit the signature.
    """
    if signature.tensors:
        return _tensor_rows(given, signature)
    if signature.entries:
        return _entries(given)
    known = {each.name: each for each in signature.columns}
    if len(given) == 1 and not given.keys() & known.keys():
        (only,) = given.values()
        return _matrix_rows(only, signature)
    chosen = {name: _column(each, known.get(name)) for name, each in given.items() if name in known or not known}
    return typed.rows(chosen, signature)


def _entries(given: Mapping[str, Given]) -> Rows:
    """One value a row for a model that takes a list of them."""
    only = next(iter(given.values()))
    if len(given) > 1 or len(only.shape) > 1:
        raise BadInput("This model takes a list with one entry a row: send one tensor of shape [rows].")
    return Rows({"": convert.objects(read_values(only, None).values.tolist())}, only.count, tensors=True)


def _tensor_rows(given: Mapping[str, Given], signature: Signature) -> Rows:
    specs = signature.tensors
    if len(given) == len(specs) == 1:
        given = {specs[0].name: next(iter(given.values()))}
    wanted = {each.name: each for each in specs}
    if list(wanted) == [""]:
        chosen = {name: read_values(each, None) for name, each in given.items()}
    else:
        chosen = {name: read_values(each, None) for name, each in given.items() if name in wanted}
    return typed.rows(chosen, signature)


def _matrix_rows(given: Given, signature: Signature) -> Rows:
    """One tensor with all columns side by side, in the signature's order."""
    specs = signature.columns
    if len(given.shape) == 1 and len(specs) <= 1:
        given = replace(given, shape=(*given.shape, 1))
    if len(given.shape) != 2 or (specs and given.shape[1] != len(specs)):
        names = ", ".join(each.name for each in specs) or "its columns"
        raise BadInput(
            f"Input `{fit.short(given.name)}` has shape {list(given.shape)}. "
            f"The model takes one tensor of shape [rows, {len(specs) or 'columns'}], or one a column: {names}."
        )
    width = given.shape[1]
    if not specs:
        fit.width(width)
    specs = specs or tuple(Column(str(i), "") for i in range(width))
    if isinstance(given.data, memoryview) and given.datatype != BYTES:
        values = np.ascontiguousarray(from_bytes(given).values.T)  # models read columns faster that are in one piece
        columns = {each.name: Typed(values[i]) for i, each in enumerate(specs)}
    else:
        flat = read_texts(given) if isinstance(given.data, memoryview) else flat_values(given)
        columns = {
            each.name: typed_values(flat[i::width], each.name, given.datatype, each if each.type else None)
            for i, each in enumerate(specs)
        }
    return typed.rows(columns, signature)


def _column(given: Given, spec: Column | None) -> Typed:
    """One value a row, or for a column of lists as it is."""
    read = read_values(given, spec)
    if len(given.shape) != 2 or given.shape[1] != 1:
        return read
    return Typed(read.values[:, 0], None if read.missing is None else read.missing[:, 0])
