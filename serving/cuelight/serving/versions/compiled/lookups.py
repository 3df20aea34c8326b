"""Encoders of categories as tables: from a value to its column or its number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cuelight.serving.versions.compiled.parts import MOST_CELLS, Matrix, Uncompilable, Unfit, without_names

Encode = Callable[[Sequence[Sequence[Any]]], Matrix]
_IGNORED = -1


def one_hot(encoder: Any, width: int) -> tuple[Encode, int]:
    """A fitted `OneHotEncoder` on columns of values: a matrix (rows, wide), and `wide`.

    Raises:
        Uncompilable: it encodes another number of columns or not as doubles, or knows of missing values.
    """
    tables, wide = _hot_columns(encoder, width)
    ignore = encoder.handle_unknown == "ignore"

    def encode(columns: Sequence[Sequence[Any]]) -> Matrix:
        count = len(columns[0])
        if count * wide > MOST_CELLS:
            raise Unfit
        matrix = np.zeros((count, wide + 1))  # what has no column of its own falls into the last one
        flat, starts = matrix.ravel(), np.arange(count) * (wide + 1)
        for values, table in zip(columns, tables, strict=True):
            places = [table.get(each, _IGNORED) for each in values] if ignore else _known(values, table)
            flat[starts + (np.array(places) % (wide + 1))] = 1.0
        return matrix[:, :wide]

    return encode, wide


def ordinal(encoder: Any, width: int) -> Encode:
    """A fitted `OrdinalEncoder` on columns of values: a matrix (rows, width).

    Raises:
        Uncompilable: it encodes another number of columns or not as doubles, or knows of missing values.
    """
    categories = _categories(encoder, width)
    codes = np.asarray(without_names(encoder).transform(_grid(categories)))
    tables = [{value: float(codes[i, j]) for i, value in enumerate(values)} for j, values in enumerate(categories)]
    other = float(encoder.unknown_value) if encoder.handle_unknown == "use_encoded_value" else None

    def encode(columns: Sequence[Sequence[Any]]) -> Matrix:
        coded = [
            _known(values, table) if other is None else [table.get(each, other) for each in values]
            for values, table in zip(columns, tables, strict=True)
        ]
        return np.array(coded).T

    return encode


def _known(values: Sequence[Any], table: dict[Any, Any]) -> list[Any]:
    try:
        return [table[each] for each in values]
    except KeyError:  # the encoder has its own way with it: an error, or a group of the infrequent
        raise Unfit from None


def _hot_columns(encoder: Any, width: int) -> tuple[list[dict[Any, int]], int]:
    """For each column, from a category to the one output that it sets; -1: none (a dropped one)."""
    categories = _categories(encoder, width)
    plain = without_names(encoder)
    plain.sparse_output = True
    plain.set_output(transform="default")
    hot = plain.transform(_grid(categories)).tocsr()
    starts = np.cumsum([0, *encoder._n_features_outs])
    tables = []
    for j, values in enumerate(categories):
        table = {}
        for i, value in enumerate(values):
            places = hot.indices[hot.indptr[i] : hot.indptr[i + 1]]
            own = places[(places >= starts[j]) & (places < starts[j + 1])]
            table[value] = int(own[0]) if len(own) else _IGNORED
        tables.append(table)
    return tables, int(starts[-1])


def _categories(encoder: Any, width: int) -> list[list[Any]]:
    if np.dtype(encoder.dtype) != np.float64:  # what comes after would calculate in it
        raise Uncompilable
    listed = [each.tolist() for each in encoder.categories_]
    if len(listed) != width or any(each is None or each != each for values in listed for each in values):
        raise Uncompilable
    return listed


def _grid(categories: Sequence[Sequence[Any]]) -> Any:
    """All categories of each column, one below the other (rows, columns); short ones are filled with their first."""
    longest = max(len(each) for each in categories)
    texts = any(isinstance(each, str) for values in categories for each in values)
    grid = np.empty((longest, len(categories)), dtype=object if texts else np.float64)
    for j, values in enumerate(categories):
        grid[:, j] = [*values, *[values[0]] * (longest - len(values))]
    return grid
