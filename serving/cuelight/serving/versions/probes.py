"""Rows around those that were seen: where a compiled way could differ from its model. Always the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuelight.protocol.rows import Rows

Array = NDArray[Any]
_COUNT = 128
_UNSEEN = "never seen before \N{SNOWMAN}"


def around(seen: Rows, known: Mapping[str, Array]) -> list[Rows]:
    """Requests made of the columns in `seen`.

    Each column's values drawn anew, also from `known` and from its nearest neighbours; numbers strayed from; one row
    alone; and then, each by itself since a model may refuse it: an unseen category, a missing number, a null.
    """
    generator = np.random.default_rng(0)
    if seen.tensors:
        return _tensors(seen, generator)
    columns = {name: _pool(values, known.get(name)) for name, values in seen.columns.items()}
    drawn = {name: _drawn(values, generator) for name, values in columns.items()}
    strayed = {name: _strayed(values, generator) for name, values in drawn.items()}
    one = {name: values[:1] for name, values in drawn.items()}
    requests = [drawn, strayed, one]
    requests += [_with(one, "O", _UNSEEN), _with(drawn, "O", _UNSEEN)]
    requests += [_with(one, "f", np.nan), _with(drawn, "f", np.nan), _with(one, "O", None), _with(drawn, "O", None)]
    return [Rows(each, len(next(iter(each.values())))) for each in requests if each]


def _pool(values: Array, known: Array | None) -> Array:
    """What may be drawn: values seen, and those at which answers change, with their neighbours on either side."""
    if known is None or not len(known):
        return values
    if values.dtype.kind != "f":
        return np.concatenate([values, np.asarray(known).astype(values.dtype)])
    edges = np.asarray(known, dtype=np.float64)
    edges = edges[np.isfinite(edges)]
    single = edges.astype(np.float32)
    beside = [np.nextafter(single, np.float32(side)).astype(np.float64) for side in (-np.inf, np.inf)]
    beside += [np.nextafter(edges, side) for side in (-np.inf, np.inf)]
    pool = np.concatenate([edges, single.astype(np.float64), *beside])
    return np.concatenate([np.resize(values, max(len(pool), 1)), pool]).astype(values.dtype)


def _drawn(values: Array, generator: np.random.Generator) -> Array:
    return values[generator.integers(0, len(values), _COUNT)]


def _strayed(values: Array, generator: np.random.Generator) -> Array:
    if values.dtype.kind not in "fi":
        return values
    spread = max(float(np.nanmax(np.abs(values), initial=1.0)), 1.0)
    spread = min(spread, 1e6) if values.dtype.kind == "i" else spread
    return (values + generator.normal(size=len(values)) * spread).astype(values.dtype)


def _with(columns: Mapping[str, Array], kind: str, value: Any) -> dict[str, Array]:
    """The columns with `value` in each of that kind, in another row of each; nothing without such columns."""
    names = [name for name, values in columns.items() if values.dtype.kind == kind]
    changed = {name: columns[name].copy() for name in names}
    for place, values in enumerate(changed.values()):
        values[place % len(values)] = value
    return {**columns, **changed} if names else {}


def _tensors(seen: Rows, generator: np.random.Generator) -> list[Rows]:
    """For inputs that are arrays, each number drawn from its own place, and strayed from."""
    requests = []
    for move in (lambda values: values, lambda values: _strayed(values, generator)):
        columns = {}
        for name, values in seen.columns.items():
            flat = values.reshape(len(values), -1)
            moved = [move(_drawn(column, generator)) for column in flat.T]
            columns[name] = np.column_stack(moved).reshape(-1, *values.shape[1:]).astype(values.dtype)
        requests.append(Rows(columns, _COUNT, tensors=True))
    first = {name: values[:1] for name, values in requests[0].columns.items()}
    return [*requests, Rows(first, 1, tensors=True)]
