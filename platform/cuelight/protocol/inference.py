"""The Open Inference Protocol v2 over REST: tensors to rows, predictions to tensors; JSON and its binary extension."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
import orjson

from cuelight.kit.errors import BadInput, ModelFault
from cuelight.protocol import answer, convert, fit, keys, media, typed
from cuelight.protocol.answer import Written
from cuelight.protocol.encode import encode as as_json
from cuelight.protocol.encode import plain
from cuelight.protocol.parameters import METHODS, parameters
from cuelight.protocol.rows import Array, Rows
from cuelight.protocol.signature import Column, Signature, Tensor
from cuelight.protocol.typed import Typed

OUTPUT = "output-1"  # the name of an output that nobody named
_DTYPES = {
    "BOOL": "bool",
    **{f"{sign}INT{bits}": f"{sign.lower()}int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": f"float{bits}" for bits in (16, 32, 64)},
}
_DATATYPES = {dtype: datatype for datatype, dtype in _DTYPES.items()}
_BYTES = "BYTES"
_OF_COLUMN = {"double": "FP64", "float": "FP32", "long": "INT64", "integer": "INT32", "boolean": "BOOL"}
_CONTENT = {"datetime": "datetime", "binary": "base64", "string": "str"}  # MLServer's word for what is in BYTES
# What Triton's and MLServer's clients add for their own servers.
_NOT_OURS = frozenset(
    ("content_type", "headers", "sequence_id", "sequence_start", "sequence_end", "priority", "timeout")
)
_KEYS = frozenset(("id", "parameters", "inputs", "outputs"))
_LENGTH = re.compile(r"[0-9]{1,10}")
_MOST_DIMENSIONS = 16
_TEXT_LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class Wanted:
    """The form of the answer that a request asks for.

    `outputs` maps the names asked for to whether they are to be binary (None: as `binary` says for all); empty: all
    outputs. `method` is the model's method that the rows go to where it is not the usual one.
    """

    id: str | None = None
    outputs: Mapping[str, bool | None] = field(default_factory=dict)
    binary: bool = False
    method: str = ""


@dataclass(frozen=True)
class _Given:
    """One input tensor as it was sent: its values in JSON, or as bytes."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: Any

    @property
    def count(self) -> int:
        return math.prod(self.shape)


# Requests


def decode(body: bytes, header_length: str, signature: Signature, max_rows: int) -> tuple[Rows, dict[str, Any], Wanted]:
    """Rows, parameters, and what is wanted back. `header_length`: how many bytes are JSON, as the header says.

    Raises:
        BadInput: it is no request of this protocol, or does not fit the signature; the message says where.
        TooLarge: more rows than `max_rows`.
    """
    document, rest = _split(body, header_length)
    given = _inputs(document.get("inputs"), rest)
    named = {each.name for each in signature.columns} | {each.name for each in signature.tensors}
    if not named:
        fit.width(len(given))
    used = [each for name, each in given.items() if name in named] or list(given.values())
    fit.rows(max(each.shape[0] for each in used), signature, max_rows)
    asked = _object(document.get("parameters"), "parameters")
    wanted = _wanted(document, asked)
    own = {each.name for each in signature.parameters}
    params = {name: value for name, value in asked.items() if name in own or not _reserved(name)}
    if wanted.method:
        params.setdefault("predict_method", wanted.method)
    return _rows(given, signature), parameters(params or None, signature), wanted


def _reserved(name: str) -> bool:
    return name in _NOT_OURS or name == "binary_data_output" or name.startswith("triton_")


def _split(body: bytes, header_length: str) -> tuple[dict[str, Any], memoryview]:
    size = len(body)
    if header_length:
        if not _LENGTH.fullmatch(header_length) or int(header_length) > size:
            raise BadInput("Inference-Header-Content-Length must be the number of bytes of JSON at the body's start.")
        size = int(header_length)
    content = memoryview(body)
    try:
        document = orjson.loads(content[:size])
    except orjson.JSONDecodeError as error:
        raise BadInput(
            f"The request is not valid JSON ({error.msg}, at character {error.pos}). "
            "Binary tensors need the header Inference-Header-Content-Length."
        ) from None
    if not isinstance(document, dict) or not document.keys() <= _KEYS:
        raise BadInput(f"The request must be a JSON object of {', '.join(sorted(_KEYS))}; nothing else.")
    if keys.colons(body[:size]) != _count_keys(document):
        keys.refuse_twice(body[:size])
    return document, content[size:]


def _count_keys(document: dict[str, Any]) -> int:
    """Those of an honest request; one that has more is read once more, see `keys`."""
    listed = [each for name in ("inputs", "outputs") if isinstance(each := document.get(name), list)]
    settings = [each.get("parameters") for each in chain(*listed) if isinstance(each, dict)]
    return keys.count(document) + sum(len(each) for each in settings if isinstance(each, dict))


def _inputs(listed: Any, rest: memoryview) -> dict[str, _Given]:
    if not isinstance(listed, list) or not listed:
        raise BadInput("`inputs` must be a list of tensors with name, shape, datatype and data.")
    given: dict[str, _Given] = {}
    start = 0
    for each in listed:
        document = _object(each, "an input")
        size = _object(document.get("parameters"), "parameters").get("binary_data_size")
        data: Any = document.get("data")
        if size is not None:
            if type(size) is not int or not 0 <= size <= len(rest) - start or data is not None:
                raise BadInput("`binary_data_size` must be the tensor's bytes after the JSON, and replaces `data`.")
            data, start = rest[start : start + size], start + size
        tensor = _Given(_name(document), _datatype(document), _shape(document), data)
        if tensor.name in given:
            raise BadInput("An input's name is there twice.")
        given[tensor.name] = tensor
    if start != len(rest):
        raise BadInput("There are more bytes after the JSON than the inputs' binary_data_size.")
    return given


def _name(document: Mapping[str, Any]) -> str:
    name = document.get("name")
    if not isinstance(name, str):
        raise BadInput("Each tensor needs a name.")
    return name


def _datatype(document: Mapping[str, Any]) -> str:
    datatype = document.get("datatype")
    if not isinstance(datatype, str) or (datatype != _BYTES and datatype not in _DTYPES):
        raise BadInput(f"A tensor's datatype must be one of {', '.join(_DTYPES)}, {_BYTES}.")
    return datatype


def _shape(document: Mapping[str, Any]) -> tuple[int, ...]:
    shape = document.get("shape")
    whole = isinstance(shape, list) and all(type(each) is int and each >= 0 for each in shape)
    if not whole or not 0 < len(shape) <= _MOST_DIMENSIONS:  # type: ignore[arg-type]
        raise BadInput(f"A tensor's shape must be a list of 1 to {_MOST_DIMENSIONS} whole numbers, none below 0.")
    if 0 in shape:  # type: ignore[operator]
        raise BadInput("There are no rows to score.")
    return tuple(shape)  # type: ignore[arg-type]


def _object(given: Any, what: str) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise BadInput(f"{what} must be a JSON object.")
    if any(name.startswith("shared_memory") or name == "classification" for name in given):
        raise BadInput("Shared memory and the classification extension are not offered here.")
    return given


def _wanted(document: Mapping[str, Any], asked: Mapping[str, Any]) -> Wanted:
    named = document.get("id")
    if named is not None and not isinstance(named, str):
        raise BadInput("`id` must be a string.")
    listed = document.get("outputs")
    if listed is not None and not isinstance(listed, list):
        raise BadInput("`outputs` must be a list of objects with a name.")
    outputs: dict[str, bool | None] = {}
    for each in listed or ():
        output = _object(each, "an output")
        settings = _object(output.get("parameters"), "parameters")
        outputs[_name(output)] = _flag(settings.get("binary_data"), "binary_data")
    methods = [name for name in outputs if name in METHODS]
    given = asked.get("predict_method")
    if len(methods) > 1 or (methods and given not in (None, methods[0])):
        raise BadInput("Ask for the output of one method a request.")
    method = methods[0] if methods else given if isinstance(given, str) else ""
    return Wanted(named, outputs, bool(_flag(asked.get("binary_data_output"), "binary_data_output")), method)


def _flag(value: Any, name: str) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise BadInput(f"`{name}` must be true or false.")
    return value


# Tensors to rows


def _rows(given: Mapping[str, _Given], signature: Signature) -> Rows:
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


def _entries(given: Mapping[str, _Given]) -> Rows:
    """One value a row for a model that takes a list of them."""
    only = next(iter(given.values()))
    if len(given) > 1 or len(only.shape) > 1:
        raise BadInput("This model takes a list with one entry a row: send one tensor of shape [rows].")
    return Rows({"": convert.objects(_values(only, None).values.tolist())}, only.count, tensors=True)


def _tensor_rows(given: Mapping[str, _Given], signature: Signature) -> Rows:
    specs = signature.tensors
    if len(given) == len(specs) == 1:
        given = {specs[0].name: next(iter(given.values()))}
    wanted = {each.name: each for each in specs}
    if list(wanted) == [""]:
        chosen = {name: _values(each, None) for name, each in given.items()}
    else:
        chosen = {name: _values(each, None) for name, each in given.items() if name in wanted}
    return typed.rows(chosen, signature)


def _matrix_rows(given: _Given, signature: Signature) -> Rows:
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
    if isinstance(given.data, memoryview) and given.datatype != _BYTES:
        values = np.ascontiguousarray(_from_bytes(given).values.T)  # models read columns faster that are in one piece
        columns = {each.name: Typed(values[i]) for i, each in enumerate(specs)}
    else:
        flat = _texts(given) if isinstance(given.data, memoryview) else _flat(given)
        columns = {
            each.name: _typed(flat[i::width], each.name, given.datatype, each if each.type else None)
            for i, each in enumerate(specs)
        }
    return typed.rows(columns, signature)


def _column(given: _Given, spec: Column | None) -> Typed:
    """One value a row, or for a column of lists as it is."""
    read = _values(given, spec)
    if len(given.shape) != 2 or given.shape[1] != 1:
        return read
    return Typed(read.values[:, 0], None if read.missing is None else read.missing[:, 0])


def _values(given: _Given, spec: Column | None) -> Typed:
    """The tensor's values in its shape; texts as `spec` reads them."""
    if isinstance(given.data, memoryview) and given.datatype != _BYTES:
        return _from_bytes(given)
    flat = _texts(given) if isinstance(given.data, memoryview) else _flat(given)
    one = _typed(flat, given.name, given.datatype, spec)
    missing = None if one.missing is None else one.missing.reshape(given.shape)
    return Typed(one.values.reshape(given.shape), missing)


def _from_bytes(given: _Given) -> Typed:
    dtype = np.dtype(_DTYPES[given.datatype]).newbyteorder("<")
    if given.count * dtype.itemsize != len(given.data):
        raise _lies(given)
    if given.datatype == "BOOL":
        raw = np.frombuffer(given.data, np.uint8)
        if (raw > 1).any():
            raise BadInput(f"Input `{fit.short(given.name)}`: a BOOL is one byte, 0 or 1.")
    values = np.frombuffer(given.data, dtype)
    return Typed(
        np.require(values, dtype.newbyteorder("="), "A").reshape(given.shape)
    )  # aligned: it may begin anywhere


def _texts(given: _Given) -> list[bytes]:
    """BYTES: each with its length before it, in four bytes."""
    if 4 * given.count > len(given.data):
        raise _lies(given)
    content, end, texts = bytes(given.data), 0, []
    try:
        for _ in range(given.count):
            start = end + _TEXT_LENGTH.size
            end = start + _TEXT_LENGTH.unpack_from(content, end)[0]
            texts.append(content[start:end])
    except struct.error:
        raise _lies(given) from None
    if end != len(content):  # also where the last one was cut short
        raise _lies(given)
    return texts


def _flat(given: _Given) -> list[Any]:
    """The values of `data` one after the other, be they nested or not."""
    values = given.data
    if not isinstance(values, list):
        raise BadInput(f"Input `{fit.short(given.name)}` has neither `data`, a list, nor `binary_data_size`.")
    if values and isinstance(values[0], list):
        if len(values) != given.shape[0]:
            raise _lies(given)
        for size in given.shape[1:]:
            if not all(isinstance(each, list) and len(each) == size for each in values):
                raise _lies(given)
            values = list(chain.from_iterable(values))
    if len(values) != given.count:
        raise _lies(given)
    return values


def _lies(given: _Given) -> BadInput:
    return BadInput(
        f"Input `{fit.short(given.name)}`: its data is not what its shape {list(given.shape)} and datatype say."
    )


def _typed(values: Sequence[Any], name: str, datatype: str, spec: Column | None) -> Typed:
    """Values of JSON, or texts, in the tensor's datatype: what MLflow's JSON takes for that type, and no more.

    Raises:
        BadInput: one is not of the datatype; the message names tensor and row.
    """
    kind = spec.type if spec else ""
    if datatype == _BYTES:
        if kind == "binary" and any(isinstance(each, bytes) for each in values):
            return Typed(convert.objects(values))
        texts = _decoded(values, name)
        if kind in ("binary", "datetime"):
            return Typed(convert.column(texts, Column(name, kind)))
        return Typed(convert.column(texts, Column(name, "string")))
    if datatype == "BOOL":
        return Typed(convert.column(values, Column(name, "boolean")))
    wanted = np.dtype(_DTYPES[datatype])
    if wanted.kind == "f":
        floats = convert.column(values, Column(name, "double" if datatype == "FP64" else "float"))
        with np.errstate(over="ignore"):
            narrow = floats.astype(wanted, copy=False)
        wrong = np.flatnonzero(np.isinf(narrow))
    elif datatype == "UINT64" and set(map(type, values)) == {int} and min(values) >= 0:
        return Typed(np.array(values, np.uint64))
    else:
        whole = convert.column(values, Column(name, "long"))
        limits = np.iinfo(wanted)
        wrong = np.flatnonzero(whole < limits.min) if wanted.kind == "u" else np.empty(0, np.int64)
        if limits.bits < 64:
            wrong = np.flatnonzero((whole < limits.min) | (whole > limits.max))
        narrow = whole.astype(wanted)
    if wrong.size:
        raise BadInput(f"Column `{fit.short(name)}`, row {int(wrong[0])}: beyond the range of {datatype}.")
    return Typed(narrow)


def _decoded(values: Sequence[Any], name: str) -> list[Any]:
    """Bytes as texts, all else as it is."""
    texts: list[Any] = []
    try:
        texts.extend(each.decode() if isinstance(each, bytes) else each for each in values)
    except UnicodeDecodeError:  # what came before it is there
        raise BadInput(f"Column `{fit.short(name)}`, row {len(texts)}: a text in UTF-8 is needed.") from None
    return texts


# Answers


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
        document: dict[str, Any] = {"name": name, "shape": list(values.shape), "datatype": _datatype_of(values)}
        if wanted.binary if binary is None else binary:
            blobs.append(_blob(values))
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
        tensors[each["name"]] = _read_back(_Given(each["name"], each["datatype"], tuple(each["shape"]), data))
    kind = document.get("parameters", {}).get("content_type")
    values: Any = {name: each.tolist() for name, each in tensors.items()}
    if kind == "np":
        listed = list(tensors.values())
        values = (listed[0] if len(listed) == 1 else np.column_stack(listed)).tolist()
    elif kind == "pd":
        values = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    return orjson.loads(as_json(values))[answer.PREDICTIONS]


def _read_back(given: _Given) -> Array:
    if given.datatype == _BYTES:
        texts = [each.decode() for each in _texts(given)] if isinstance(given.data, memoryview) else given.data
        return convert.objects(texts).reshape(given.shape)
    if isinstance(given.data, memoryview):
        return _from_bytes(given).values
    values = [math.nan if each is None else each for each in given.data]
    return np.array(values, _DTYPES[given.datatype]).reshape(given.shape)


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
    if array.dtype.name in _DATATYPES:
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


def _datatype_of(values: Array) -> str:
    return _DATATYPES.get(values.dtype.name, _BYTES)


def _blob(values: Array) -> bytes:
    if values.dtype != object:
        return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    texts = values.ravel().tolist()
    if None in texts:
        raise BadInput("The answer has missing texts, which binary tensors have no form for: ask for JSON.")
    parts = [each.encode() for each in texts]
    return b"".join(chain.from_iterable((struct.pack("<I", len(each)), each) for each in parts))


# Metadata


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
    datatype = _DATATYPES.get(np.dtype(spec.dtype).name, _BYTES)
    return {"name": spec.name or otherwise, "datatype": datatype, "shape": list(spec.shape)}


def _of_type(name: str, kind: str) -> dict[str, Any]:
    tensor: dict[str, Any] = {"name": name, "datatype": _OF_COLUMN.get(kind, _BYTES), "shape": [-1]}
    return tensor | ({"parameters": {"content_type": _CONTENT[kind]}} if kind in _CONTENT else {})
