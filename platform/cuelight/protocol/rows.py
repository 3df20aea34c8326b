"""Decoded rows: what a request asks to be scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Rows:
    """Named columns of shape (count,), or with `tensors` arrays of shape (count, ...), a lone one unnamed."""

    columns: Mapping[str, Array]
    count: int
    tensors: bool = False

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """The rows of all parts, one after the other; they must have the same columns."""
        if len(parts) == 1:
            return parts[0]
        columns = {name: np.concatenate([each.columns[name] for each in parts]) for name in parts[0].columns}
        return cls(columns, sum(each.count for each in parts), parts[0].tensors)

    def picked(self, positions: Sequence[int]) -> Rows:
        """The rows at these positions."""
        return Rows({name: values[positions] for name, values in self.columns.items()}, len(positions), self.tensors)

    def native(self) -> Any:
        """What an MLflow model's predict takes: a DataFrame for columns, an array or a dict of arrays for tensors."""
        if not self.tensors:
            return self.frame()
        return self.columns[""] if list(self.columns) == [""] else dict(self.columns)

    def matrix(self) -> Array:
        """The columns as an array (count, columns) of doubles."""
        return np.column_stack(list(self.columns.values())).astype(np.float64, copy=False)

    def frame(self) -> Any:
        """The columns as a pandas DataFrame."""
        import pandas as pd  # not every model needs it, and a worker starts faster without

        return pd.DataFrame(dict(self.columns), copy=False)

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
