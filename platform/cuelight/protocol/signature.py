"""A model's signature, as MLflow writes it into the `MLmodel` file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SCALARS = ("boolean", "integer", "long", "float", "double", "string", "binary", "datetime")


@dataclass(frozen=True)
class Column:
    """A named column; `type` is one of MLflow's data types."""

    name: str
    type: str
    required: bool = True


@dataclass(frozen=True)
class Tensor:
    """An array input; `name` is empty where the model takes just one; -1 in `shape` is any length."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Parameter:
    """An inference parameter with its default; `many`: it takes a list."""

    name: str
    type: str
    default: Any = None
    many: bool = False


@dataclass(frozen=True)
class Signature:
    """Inputs are either columns or tensors, never both; neither: the model has no signature.

    `entries`: the model takes a list with one entry a row, of the kind that its type hints say (a number, a text, an
    object); `columns` then describe one entry, and the model itself checks them.
    """

    columns: tuple[Column, ...] = ()
    tensors: tuple[Tensor, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    outputs: tuple[Mapping[str, Any], ...] = field(default=())
    entries: bool = False

    @classmethod
    def from_mlmodel(cls, document: Mapping[str, Any] | None, from_hints: bool = False) -> Signature:
        """The signature of a parsed `MLmodel` file's `signature` entry (its parts are JSON texts).

        `from_hints` is the file's `is_signature_from_type_hint`.
        """
        document = document or {}
        inputs = _parts(document.get("inputs"))
        tensors = tuple(_tensor(each) for each in inputs if each.get("type") == "tensor")
        columns = tuple(_column(each, i) for i, each in enumerate(inputs) if each.get("type") != "tensor")
        parameters = tuple(
            Parameter(each["name"], each.get("type", "string"), each.get("default"), bool(each.get("shape")))
            for each in _parts(document.get("params"))
        )
        return cls(columns, tensors, parameters, tuple(_parts(document.get("outputs"))), from_hints)

    def to_json(self) -> str:
        """A text from which `from_json` makes an equal signature."""
        return json.dumps(
            {
                "columns": [[each.name, each.type, each.required] for each in self.columns],
                "tensors": [[each.name, each.dtype, list(each.shape)] for each in self.tensors],
                "parameters": [[each.name, each.type, each.default, each.many] for each in self.parameters],
                "outputs": list(self.outputs),
                "entries": self.entries,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Signature:
        """The signature that `to_json` wrote."""
        document = json.loads(text)
        return cls(
            tuple(Column(*each) for each in document["columns"]),
            tuple(Tensor(name, dtype, tuple(shape)) for name, dtype, shape in document["tensors"]),
            tuple(Parameter(*each) for each in document["parameters"]),
            tuple(document["outputs"]),
            bool(document.get("entries")),
        )


def _parts(text: Any) -> list[dict[str, Any]]:
    parsed = json.loads(text) if isinstance(text, str) else text
    return list(parsed or [])


def _column(document: Mapping[str, Any], position: int) -> Column:
    required = document.get("required", not document.get("optional", False))
    return Column(str(document.get("name", position)), str(document["type"]), bool(required))


def _tensor(document: Mapping[str, Any]) -> Tensor:
    spec = document["tensor-spec"]
    return Tensor(str(document.get("name", "")), str(spec["dtype"]), tuple(int(each) for each in spec["shape"]))
