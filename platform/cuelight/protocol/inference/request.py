"""A request of the protocol, from its bytes to tensors and what is wanted back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import orjson

from cuelight.kit.errors import BadInput
from cuelight.protocol import fit, keys
from cuelight.protocol.inference.rows import to_rows
from cuelight.protocol.inference.tensor import BYTES, DTYPES, Given
from cuelight.protocol.parameters import METHODS, parameters
from cuelight.protocol.rows import Rows
from cuelight.protocol.signature import Signature

# What Triton's and MLServer's clients add for their own servers.
_NOT_OURS = frozenset(
    ("content_type", "headers", "sequence_id", "sequence_start", "sequence_end", "priority", "timeout")
)
_KEYS = frozenset(("id", "parameters", "inputs", "outputs"))
_LENGTH = re.compile(r"[0-9]{1,10}")
_MOST_DIMENSIONS = 16


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
    return to_rows(given, signature), parameters(params or None, signature), wanted


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


def _inputs(listed: Any, rest: memoryview) -> dict[str, Given]:
    if not isinstance(listed, list) or not listed:
        raise BadInput("`inputs` must be a list of tensors with name, shape, datatype and data.")
    given: dict[str, Given] = {}
    start = 0
    for each in listed:
        document = _object(each, "an input")
        size = _object(document.get("parameters"), "parameters").get("binary_data_size")
        data: Any = document.get("data")
        if size is not None:
            if type(size) is not int or not 0 <= size <= len(rest) - start or data is not None:
                raise BadInput("`binary_data_size` must be the tensor's bytes after the JSON, and replaces `data`.")
            data, start = rest[start : start + size], start + size
        tensor = Given(_name(document), _datatype(document), _shape(document), data)
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
    if not isinstance(datatype, str) or (datatype != BYTES and datatype not in DTYPES):
        raise BadInput(f"A tensor's datatype must be one of {', '.join(DTYPES)}, {BYTES}.")
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
