"""What a model takes and answers, by its signature, as JSON Schema (2020-12)."""

from __future__ import annotations

from typing import Any

import numpy as np

from cuelight.protocol.parameters import METHODS
from cuelight.protocol.signature import Column, Parameter, Signature, Tensor

Schema = dict[str, Any]
_ANYTHING: Schema = {}
_OF_COLUMN: dict[str, Schema] = {
    "double": {"type": ["number", "null"], "format": "double"},
    "float": {"type": ["number", "null"], "format": "float"},
    "long": {"type": "integer", "format": "int64"},
    "integer": {"type": "integer", "format": "int32"},
    "boolean": {"type": "boolean"},
    "string": {"type": ["string", "null"]},
    "binary": {"type": ["string", "null"], "contentEncoding": "base64"},
    "datetime": {"type": ["string", "null"], "description": "ISO 8601; with an offset it is brought to UTC."},
}
_OF_KIND: dict[str, Schema] = {
    "f": {"type": ["number", "null"]},
    "i": {"type": "integer"},
    "u": {"type": "integer", "minimum": 0},
    "b": {"type": "boolean"},
    "U": {"type": "string"},
}


def request(signature: Signature) -> Schema:
    """A scoring request in MLflow's protocol: one form of rows, and parameters."""
    forms = _of_tensors(signature) if signature.tensors or signature.entries else _of_columns(signature)
    return {
        "type": "object",
        "properties": {**forms, "params": _params(signature)},
        "additionalProperties": False,
        "oneOf": [{"required": [form]} for form in forms],
    }


def answer(signature: Signature) -> Schema:
    """What is answered with status 200."""
    named = [f"`{each['name']}`" for each in signature.outputs if each.get("name")]
    text = "One entry a row" + (f", with {', '.join(named)}." if named else ".")
    return {
        "type": "object",
        "properties": {"predictions": {"type": ["array", "object"], "description": text}},
        "required": ["predictions"],
    }


def _of_columns(signature: Signature) -> dict[str, Schema]:
    """The forms of a table; columns that the signature does not have are left aside."""
    columns = signature.columns
    row: Schema = {"type": "object", "properties": {each.name: _column(each) for each in columns}}
    row |= _required(columns)
    rows = _many({"type": "array", "description": "One value a column."})
    names = {"type": "array", "items": {"type": "string"}, "description": _names(columns)}
    split = {"type": "object", "properties": {"columns": names, "index": _ANYTHING, "data": rows}, "required": ["data"]}
    table: Schema = {
        "type": "object",
        "properties": {each.name: _lists(each) for each in columns},
        **_required(columns),
    }
    listed = _many(_ANYTHING, "Rows as lists in the signature's order, or as objects.")
    return {
        "dataframe_split": split,
        "dataframe_records": _many(row),
        "instances": listed,
        "inputs": {"anyOf": [table, listed]},
    }


def _of_tensors(signature: Signature) -> dict[str, Schema]:
    """Forms of models that take arrays, or a list with one entry a row."""
    if signature.entries:
        return {"inputs": _many(_ANYTHING, "One entry a row, as the model's type hints say.")}
    tensors = signature.tensors
    named: Schema = {
        "type": "object",
        "properties": {each.name: _tensor(each) for each in tensors},
        "required": [each.name for each in tensors],
    }
    if len(tensors) > 1:
        return {"inputs": named, "instances": _many(_ANYTHING, "Rows as objects.")}
    bare = _tensor(tensors[0])
    return {"inputs": {"anyOf": [bare, named]} if tensors[0].name else bare, "instances": bare}


def _column(column: Column) -> Schema:
    return _OF_COLUMN.get(column.type, {"description": column.type})


def _lists(column: Column) -> Schema:
    """A column's values, or its one value in a request of one row."""
    return {"anyOf": [_many(_column(column)), _column(column)]}


def _required(columns: tuple[Column, ...]) -> Schema:
    names = [each.name for each in columns if each.required]
    return {"required": names} if names else {}


def _names(columns: tuple[Column, ...]) -> str:
    return "In any order: " + ", ".join(each.name for each in columns) if columns else "Any."


def _tensor(tensor: Tensor) -> Schema:
    schema = _OF_KIND.get(np.dtype(tensor.dtype).kind, _ANYTHING)
    for size in reversed(tensor.shape):
        schema = {"type": "array", "items": schema, **({} if size < 0 else {"minItems": size, "maxItems": size})}
    return schema


def _many(item: Schema, text: str = "") -> Schema:
    return {"type": "array", "items": item, "minItems": 1, **({"description": text} if text else {})}


def _params(signature: Signature) -> Schema:
    asked = {"type": "string", "enum": list(METHODS), "description": "Which method answers, where the model has it."}
    own = {each.name: _parameter(each) for each in signature.parameters}
    return {"type": "object", "properties": {"predict_method": asked, **own}, "additionalProperties": False}


def _parameter(parameter: Parameter) -> Schema:
    one = {**_column(Column(parameter.name, parameter.type))}
    kinds = one.get("type")
    if isinstance(kinds, list):
        one["type"] = kinds[0]  # a parameter is left out, and never null
    found = _many(one) if parameter.many else one
    return found if parameter.default is None else {**found, "default": parameter.default}
