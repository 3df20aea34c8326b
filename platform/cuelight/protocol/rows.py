"""Decoded rows: what a request asks to be scored."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_FEW = 16  # rows; beyond, packing by `struct` is more than twice as fast as NumPy's own reading of tuples


@dataclass(frozen=True, eq=False)
class Layout:
    """How records, one tuple a row, become columns.

    `makers` turn the values of a column into its array and never raise; `places` say where in a record each column's
    values are; `doubles`: a record holds doubles (or None) of these columns alone.
    """

    names: tuple[str, ...]
    makers: tuple[Callable[[Sequence[Any]], Array], ...]
    places: tuple[int, ...]
    doubles: bool

    def columns(self, records: Sequence[tuple[Any, ...]]) -> dict[str, Array]:
        """The records' columns, by name."""
        if self.doubles:
            return dict(zip(self.names, self.matrix(records).T, strict=True))
        across = list(zip(*records, strict=True))
        made = zip(self.names, self.makers, self.places, strict=True)
        return {name: make(across[place]) for name, make, place in made}

    def matrix(self, records: Sequence[tuple[Any, ...]]) -> Array:
        """The records as an array (rows, columns) of doubles; only for a layout of `doubles`."""
        width = len(self.places)
        block = _packed(records, width) if len(records) > _FEW else np.array(records, dtype=np.float64)
        return block if self.places == tuple(range(width)) else np.ascontiguousarray(block[:, self.places])


def _packed(records: Sequence[tuple[Any, ...]], width: int) -> Array:
    size = len(records) * width
    flat = bytearray(8 * size)
    try:
        struct.pack_into(f"{size}d", flat, 0, *chain.from_iterable(records))
    except struct.error:  # a null is among them
        return np.array(records, dtype=np.float64)
    return np.frombuffer(flat, dtype=np.float64).reshape(-1, width)


class Rows:
    """Named columns of shape (count,), or with `tensors` arrays of shape (count, ...), a lone one unnamed.

    Rows that came as records stay such until they are asked for: those of several callers are joined first, and
    become arrays once.
    """

    __slots__ = ("_columns", "_layout", "_records", "count", "tensors")

    def __init__(self, columns: Mapping[str, Array], count: int, tensors: bool = False) -> None:
        self._columns: Mapping[str, Array] | None = columns
        self._layout: Layout | None = None
        self._records: Sequence[tuple[Any, ...]] = ()
        self.count = count
        self.tensors = tensors

    @classmethod
    def of_records(cls, layout: Layout, records: Sequence[tuple[Any, ...]]) -> Rows:
        """The rows of typed records."""
        rows = cls({}, len(records))
        rows._columns, rows._layout, rows._records = None, layout, records
        return rows

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """The rows of all parts, one after the other; they must have the same columns."""
        first = parts[0]
        if len(parts) == 1:
            return first
        if first._layout and all(each._layout is first._layout for each in parts):
            return cls.of_records(first._layout, [record for each in parts for record in each._records])
        columns = {name: np.concatenate([each.columns[name] for each in parts]) for name in first.names}
        return cls(columns, sum(each.count for each in parts), first.tensors)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return self._layout.names if self._layout else tuple(self.columns)

    @property
    def columns(self) -> Mapping[str, Array]:
        """The columns by name, in the signature's order."""
        if self._columns is None:
            assert self._layout is not None
            self._columns = self._layout.columns(self._records)
        return self._columns

    def picked(self, positions: Sequence[int]) -> Rows:
        """The rows at these positions."""
        return Rows({name: values[positions] for name, values in self.columns.items()}, len(positions), self.tensors)

    def native(self) -> Any:
        """What an MLflow model's predict takes: a DataFrame for columns, an array or a dict of arrays for tensors."""
        if not self.tensors:
            return self.frame()
        columns = self._own()
        return columns[""] if list(columns) == [""] else columns

    def matrix(self) -> Array:
        """The columns as a new array (count, columns) of doubles."""
        if self._layout and self._layout.doubles:
            return self._layout.matrix(self._records)
        return np.column_stack(list(self.columns.values())).astype(np.float64, copy=False)

    def frame(self) -> Any:
        """The columns as a pandas DataFrame."""
        import pandas as pd  # not every model needs it, and a worker starts faster without

        return pd.DataFrame(self._own(), copy=False)

    def _own(self) -> dict[str, Array]:
        """The columns, none a view of a request's body: models may write into what they are given."""
        return {name: np.require(values, requirements="W") for name, values in self.columns.items()}

    def flat(self) -> dict[str, Array]:
        """One-dimensional columns: a tensor of shape (count, 2) named `x` becomes `x0` and `x1`."""
        if not self.tensors:
            return dict(self.columns)
        flat: dict[str, Array] = {}
        for name, values in self.columns.items():
            wide = np.asarray(values).reshape(self.count, -1)
            single = wide.shape[1] == 1 and name
            names = [name] if single else [f"{name or 'x'}{i}" for i in range(wide.shape[1])]
            flat.update(zip(names, wide.T, strict=True))
        return flat
