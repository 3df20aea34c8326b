"""A small request that a model takes, to show and to try: of its input example, or made up from its signature."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from cuelight.protocol.decode import FORMS
from cuelight.protocol.signature import Column, Signature, Tensor

_ROWS = 2
_VALUES: Mapping[str, Any] = {
    "double": 0.0,
    "float": 0.0,
    "long": 0,
    "integer": 0,
    "boolean": False,
    "binary": "AA==",
    "datetime": "2026-01-01T00:00:00",
}


def sample(signature: Signature, saved: bytes, personal: Collection[str] = ()) -> dict[str, Any]:
    """The body of a scoring request with a row or two.

    Args:
        saved: the input example as MLflow keeps it for serving; empty: there is none.
        personal: columns whose values nobody is shown: with any, the rows are made up.
    """
    given = None if personal else _read(saved)
    return given or _made(signature)


def _read(saved: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(saved)
    except ValueError:
        return None
    form = next((each for each in FORMS if isinstance(document, dict) and each in document), None)
    return {**document, form: _first(form, document[form])} if form else None


def _first(form: str, rows: Any) -> Any:
    """The first rows of a form."""
    if form == "dataframe_split" and isinstance(rows, dict):
        return {name: value if name == "columns" else value[:_ROWS] for name, value in rows.items() if name != "index"}
    if isinstance(rows, dict):
        return {name: value[:_ROWS] if isinstance(value, list) else value for name, value in rows.items()}
    return rows[:_ROWS] if isinstance(rows, list) else rows


def _made(signature: Signature) -> dict[str, Any]:
    if signature.entries:
        names = signature.columns
        return {"inputs": [_value(names[0]) if len(names) == 1 else {each.name: _value(each) for each in names}]}
    if signature.tensors:
        arrays = {each.name: _array(each) for each in signature.tensors}
        return {"inputs": arrays if len(arrays) > 1 else next(iter(arrays.values()))}
    columns = signature.columns or (Column("0", "double"),)
    return {"dataframe_records": [{each.name: _value(each) for each in columns}]}


def _value(column: Column) -> Any:
    return _VALUES.get(column.type, "text" if column.type == "string" else None)


def _array(tensor: Tensor) -> Any:
    value: Any = False if tensor.dtype == "bool" else "text" if tensor.dtype.startswith("str") else 0
    for size in reversed(tensor.shape):
        value = [value] * max(1, size)
    return value
