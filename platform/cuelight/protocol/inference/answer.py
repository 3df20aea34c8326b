"""An answer of the protocol: predictions to tensors, and back for the journal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import orjson

from cuelight.kit.errors import BadInput, ModelFault
from cuelight.protocol import answer, convert, fit, media
from cuelight.protocol.answer import Written
from cuelight.protocol.encode import encode as as_json
from cuelight.protocol.encode import plain
from cuelight.protocol.inference.metadata import OUTPUT, output_tensors
from cuelight.protocol.inference.request import Wanted
from cuelight.protocol.inference.tensor import (
    BYTES,
    DATATYPES,
    DTYPES,
    Given,
    datatype_of,
    from_bytes,
    read_texts,
    to_bytes,
)
from cuelight.protocol.rows import Array
from cuelight.protocol.signature import Signature


def encode(predictions: Any, wanted: Wanted, signature: Signature, model: str, version: int) -> Written:
    """The answer as tensors.

    Raises:
        BadInput: an output was asked for that is not there, or nulls among texts as binary.
        ModelFault: a prediction fits no tensor.
    """
    form, tensors = _outputs(predictions, wanted, signature)
    unknown = [name for name in wanted.outputs if name not in tensors]
    if unknown:
        raise BadInput(f"There is no output `{fit.short(unknown[0])}`; there are {', '.join(tensors)}.")
    outputs, blobs = [], []
    for name in wanted.outputs or tensors:
        values = tensors[name]
        binary = wanted.outputs.get(name)
        document: dict[str, Any] = {"name": name, "shape": list(values.shape), "datatype": datatype_of(values)}
        if wanted.binary if binary is None else binary:
            blobs.append(to_bytes(values))
            document["parameters"] = {"binary_data_size": len(blobs[-1])}
        else:
            document["data"] = values.ravel().tolist()
        outputs.append(document)
    header: dict[str, Any] = {"model_name": model, "model_version": str(version)}
    if wanted.id is not None:
        header["id"] = wanted.id
    if form != answer.COLUMNS:
        header["parameters"] = {"content_type": "np" if form == answer.ARRAY else "pd"}
    text = orjson.dumps(header | {"outputs": outputs})
    return Written(b"".join((text, *blobs)), media.BINARY, len(text)) if blobs else Written(text)


def predictions(body: bytes, header_length: int) -> Any:
    """What `encode` was given, as MLflow's JSON has it.

    Raises:
        ValueError, KeyError, TypeError: it is no such answer.
    """
    document = orjson.loads(body[:header_length] if header_length else body)
    tensors: dict[str, Array] = {}
    place = header_length
    for each in document["outputs"]:
        size = each.get("parameters", {}).get("binary_data_size")
        data = each.get("data") if size is None else memoryview(body)[place : place + size]
        place += size or 0
        tensors[each["name"]] = _read_back(Given(each["name"], each["datatype"], tuple(each["shape"]), data))
    kind = document.get("parameters", {}).get("content_type")
    values: Any = {name: each.tolist() for name, each in tensors.items()}
    if kind == "np":
        listed = list(tensors.values())
        values = (listed[0] if len(listed) == 1 else np.column_stack(listed)).tolist()
    elif kind == "pd":
        values = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    return orjson.loads(as_json(values))[answer.PREDICTIONS]


def _read_back(given: Given) -> Array:
    if given.datatype == BYTES:
        texts = [each.decode() for each in read_texts(given)] if isinstance(given.data, memoryview) else given.data
        return convert.objects(texts).reshape(given.shape)
    if isinstance(given.data, memoryview):
        return from_bytes(given).values
    values = [math.nan if each is None else each for each in given.data]
    return np.array(values, DTYPES[given.datatype]).reshape(given.shape)


def _outputs(predictions: Any, wanted: Wanted, signature: Signature) -> tuple[str, dict[str, Array]]:
    """The form of the answer, and its tensors by name."""
    form, columns = answer.columns(predictions)
    tensors = {name: _tensor(values) for name, values in columns.items()}
    if form != answer.ARRAY:
        return form, tensors
    (values,) = tensors.values()
    names = [each["name"] for each in output_tensors(signature)]
    if wanted.method:
        names = [wanted.method]
    if len(names) > 1 and values.ndim == 2 and values.shape[1] == len(names):
        return form, {name: values[:, i] for i, name in enumerate(names)}
    return form, {names[0] if len(names) == 1 else OUTPUT: values}


def _tensor(values: Any) -> Array:
    """Values as numbers or booleans, else as texts (None where there is none)."""
    try:
        array = values if isinstance(values, np.ndarray) else _array(plain(values))
    except ValueError:  # ragged
        raise _no_tensor() from None
    if array.dtype.name in DATATYPES:
        return array.reshape(1) if array.ndim == 0 else array
    if array.dtype.kind == "f":
        return array.astype(np.float64)
    try:
        listed = orjson.loads(as_json(values))[answer.PREDICTIONS]
        kinds = set(map(type, listed))
        if kinds <= {int, float, type(None)} and kinds != {type(None)}:
            if any(type(each) is int and int(float(each)) != each for each in listed):
                raise _no_tensor()
            return np.array([math.nan if each is None else each for each in listed], np.float64)
        if kinds == {bool}:
            return np.array(listed)
        texts = np.asarray(listed, dtype=object)
    except (ValueError, TypeError):
        raise _no_tensor() from None
    if texts.ndim == 0 or not set(map(type, texts.ravel().tolist())) <= {str, type(None)}:
        raise _no_tensor()
    return texts


def _array(values: Any) -> Array:
    # Without a type NumPy would give each text the room of the longest one.
    return np.asarray(values, dtype=object if convert.holds_texts(values) else None)


def _no_tensor() -> ModelFault:
    return ModelFault("The model's answer can't be written as a tensor. Ask for it by MLflow's protocol.")
