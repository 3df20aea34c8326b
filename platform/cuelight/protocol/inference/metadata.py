"""A model's inputs and outputs as the protocol's metadata names them."""

from __future__ import annotations

from typing import Any

import numpy as np

from cuelight.protocol.inference.tensor import BYTES, DATATYPES
from cuelight.protocol.signature import Signature, Tensor

OUTPUT = "output-1"  # the name of an output that nobody named
_OF_COLUMN = {"double": "FP64", "float": "FP32", "long": "INT64", "integer": "INT32", "boolean": "BOOL"}
_CONTENT = {"datetime": "datetime", "binary": "base64", "string": "str"}  # MLServer's word for what is in BYTES


def input_tensors(signature: Signature) -> list[dict[str, Any]]:
    """The inputs as the protocol's metadata has them: one tensor a column, or the signature's own."""
    if signature.tensors:
        return [_of_spec(each, "input-1") for each in signature.tensors]
    return [_of_type(each.name, each.type) for each in signature.columns]


def output_tensors(signature: Signature) -> list[dict[str, Any]]:
    """The outputs as the protocol's metadata has them."""
    found = []
    for number, each in enumerate(signature.outputs, 1):
        name = str(each.get("name") or f"output-{number}")
        if each.get("type") == "tensor":
            spec = each["tensor-spec"]
            found.append(_of_spec(Tensor(name, str(spec["dtype"]), tuple(spec["shape"])), OUTPUT))
        else:
            found.append(_of_type(name, str(each.get("type"))))
    return found


def _of_spec(spec: Tensor, otherwise: str) -> dict[str, Any]:
    datatype = DATATYPES.get(np.dtype(spec.dtype).name, BYTES)
    return {"name": spec.name or otherwise, "datatype": datatype, "shape": list(spec.shape)}


def _of_type(name: str, kind: str) -> dict[str, Any]:
    tensor: dict[str, Any] = {"name": name, "datatype": _OF_COLUMN.get(kind, BYTES), "shape": [-1]}
    return tensor | ({"parameters": {"content_type": _CONTENT[kind]}} if kind in _CONTENT else {})
