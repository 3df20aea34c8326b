"""From a request's bytes to rows: MLflow's scoring protocol, and by which other one to read them."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from msgspec import Struct

from cuelight.kit.errors import BadInput, WrongMediaType
from cuelight.protocol import convert, fit, keys, media, typed
from cuelight.protocol.fit import USUAL, Limits
from cuelight.protocol.parameters import parameters
from cuelight.protocol.rows import Array, Rows
from cuelight.protocol.signature import Column, Signature

if TYPE_CHECKING:
    from cuelight.protocol.inference import Wanted

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
MEDIA_TYPES = (media.JSON, media.CSV, media.PARQUET, media.ARROW_STREAM, media.ARROW_FILE)
# Python's own float() and int() would take `1_000`, `infinity` and digits of every script.
_NUMBER = re.compile(
    r"[ \t]*[+-]?(?:[0-9]+(?P<fraction>\.[0-9]*)?|(?P<only>\.[0-9]+))(?P<power>[eE][+-]?[0-9]+)?[ \t]*"
)
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]*)", re.IGNORECASE)
_LONGEST_INTEGER = 1000  # characters; mostly zeros in front, and Python converts 4,300 digits at most


class ScoringRequest(Struct, frozen=True):
    """Rows to score, the parameters to score them with, and the answer's form where the request itself states it."""

    rows: Rows
    parameters: Mapping[str, Any]
    wanted: Wanted | None = None


def decode(
    media_type: str,
    body: bytes,
    signature: Signature,
    limits: Limits = USUAL,
    protocol: str = media.MLFLOW,
    header_length: str = "",
) -> ScoringRequest:
    """What the caller asks for; `header_length` is the `Inference-Header-Content-Length` header.

    Raises:
        WrongMediaType: not one of `MEDIA_TYPES`.
        BadInput: the body can't be read, or does not fit the signature; the message says where.
        TooLarge: it is beyond `limits`.
    """
    if protocol == media.INFERENCE:
        from cuelight.protocol import inference

        request = ScoringRequest(*inference.decode(body, header_length, signature, limits.rows))
    else:
        request = _decode_mlflow(media_type, body, signature, limits)
    if request.rows.count > limits.rows:
        raise fit.too_many(limits.rows)
    return request


def _decode_mlflow(media_type: str, body: bytes, signature: Signature, limits: Limits) -> ScoringRequest:
    kind = media.kind(media_type)
    if kind not in MEDIA_TYPES:
        raise WrongMediaType(f"Content-Type must be one of {', '.join(MEDIA_TYPES)}.")
    if (charset := _CHARSET.search(media_type)) and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        raise WrongMediaType("The charset must be utf-8.")
    if not body.strip():
        raise BadInput(f"The body is empty. Send JSON with one of {', '.join(FORMS)}, or CSV with a header line.")
    if kind == media.JSON:
        return _decode_json(body, signature, limits.rows)
    if signature.entries:
        raise BadInput("This model takes a list with one entry a row: send JSON with inputs.")
    if kind == media.CSV:
        return _decode_csv(body, signature, limits.rows)
    from cuelight.protocol import tables  # brings PyArrow

    given, params = tables.read(kind, body, signature, limits)
    return ScoringRequest(typed.rows(given, signature), parameters(params, signature))


def _decode_json(body: bytes, signature: Signature, max_rows: int) -> ScoringRequest:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadInput(
            f"The body is not valid JSON ({error.msg}, at character {error.pos}). "
            "NaN and Infinity are not JSON: send null."
        ) from None
    if not isinstance(document, dict):
        raise BadInput(f"The body must be a JSON object with one of {', '.join(FORMS)}.")
    given = [form for form in FORMS if form in document]
    unknown = sorted(set(document) - set(FORMS) - {"params"})
    if len(given) != 1 or unknown:
        raise BadInput(f"The body must have exactly one of {', '.join(FORMS)}, and may have params; nothing else.")
    fit.rows(_longest(document[given[0]]), signature, max_rows)
    if keys.colons(body) != keys.count(document):
        keys.refuse_twice(body)
    content, params = document[given[0]], parameters(document.get("params"), signature)
    if signature.entries:
        return ScoringRequest(_entries(content), params)
    return ScoringRequest(_rows(_READERS[given[0]](content), signature), params)


def _longest(content: Any) -> int:
    """How many rows a form's content can only have, going by its first list."""
    if isinstance(content, dict):
        content = content["data"] if "data" in content else next(iter(content.values()), None)
    return len(content) if isinstance(content, list) else 0


def _decode_csv(body: bytes, signature: Signature, max_rows: int) -> ScoringRequest:
    try:
        reader = csv.reader(io.StringIO(body.decode("utf-8-sig")), strict=True)
        lines = list(islice(filter(None, reader), min(max_rows, sys.maxsize - 2) + 2))  # one more shows that
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"The body is not CSV in UTF-8: {type(error).__name__}.") from None
    if len(lines) < 2:
        raise BadInput("The CSV needs a header line and at least one row.")
    header, records = lines[0], lines[1:]
    fit.rows(len(records), signature, max_rows)
    types = {each.name: each.type for each in signature.columns}
    table = _split_table(header, records)
    parsed = {
        name: [_cell(each, types.get(name)) for each in values] if name in types or not types else values
        for name, values in table.items()
    }
    return ScoringRequest(_rows(parsed, signature), {})


def _cell(text: str, kind: str | None) -> Any:
    if text == "":
        return None
    if kind in ("string", "binary", "datetime"):
        return text
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    number = _NUMBER.fullmatch(text)
    if not number or not np.isfinite(float(text)):
        return text
    if any(number.groups()) or abs(float(text)) >= 2**64:
        return float(text)
    return int(text) if len(text) <= _LONGEST_INTEGER else text


def _read_split(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not isinstance(value.get("data"), list):
        raise BadInput("dataframe_split needs `columns`, a list of names, and `data`, a list of rows.")
    data = value["data"]
    if not all(isinstance(row, list) for row in data):
        raise BadInput("dataframe_split: each row in `data` must be a list.")
    columns = value.get("columns")
    if columns is None:
        columns = [str(i) for i in range(len(data[0]) if data else 0)]
    if not isinstance(columns, list) or not all(isinstance(name, str | int) for name in columns):
        raise BadInput("dataframe_split: `columns` must be a list of names.")
    return _split_table([str(name) for name in columns], data)


def _split_table(names: Sequence[str], data: Sequence[Sequence[Any]]) -> dict[str, Any]:
    if len(set(names)) != len(names):
        raise BadInput("A column name is there twice.")
    for number, row in enumerate(data):
        if len(row) != len(names):
            raise BadInput(f"Row {number} has {len(row)} values for {len(names)} columns.")
    return {name: [row[i] for row in data] for i, name in enumerate(names)}


def _read_records(value: Any) -> dict[str, Any]:
    if not isinstance(value, list) or not all(isinstance(record, dict) for record in value):
        raise BadInput("dataframe_records must be a list of objects, one a row.")
    names = {name: None for record in value for name in record}
    for number, record in enumerate(value):
        if len(record) != len(names):
            missing = next(name for name in names if name not in record)
            raise BadInput(
                f"Row {number} has no `{fit.short(missing)}`, which another row has. Send null for a missing value."
            )
    return {name: [record[name] for record in value] for name in names}


def _read_inputs(value: Any) -> Any:
    if isinstance(value, dict):
        if value and not any(isinstance(each, list) for each in value.values()):
            return {name: [each] for name, each in value.items()}
        return value
    return _read_instances(value)


def _read_instances(value: Any) -> Any:
    if not isinstance(value, list):
        raise BadInput("instances must be a list with one entry a row; inputs a list, or an object of lists.")
    if value and all(isinstance(each, dict) for each in value):
        return _read_records(value)
    return value


_READERS = {
    "dataframe_split": _read_split,
    "dataframe_records": _read_records,
    "instances": _read_instances,
    "inputs": _read_inputs,
}


def _rows(given: Any, signature: Signature) -> Rows:
    if signature.tensors:
        return _tensor_rows(given, signature)
    if isinstance(given, list):
        given = _by_position(given, signature)
    lengths = {len(values) if isinstance(values, list) else -1 for values in given.values()}
    if len(lengths) > 1 or -1 in lengths:
        raise BadInput("All columns must be lists of the same length.")
    count = lengths.pop() if lengths else 0
    if count == 0:
        raise BadInput("There are no rows to score.")
    if not signature.columns:
        fit.width(len(given))
    specs = signature.columns or tuple(_guess(name, values) for name, values in given.items())
    return Rows({each.name: convert.column(given[each.name], each) for each in fit.columns(given, specs)}, count)


def _entries(values: Any) -> Rows:
    """A list as a model with type hints takes it: what the entries are is for those hints to check."""
    if not isinstance(values, list) or not values:
        raise BadInput("This model takes a list with one entry a row, at least one: send it as inputs.")
    return Rows({"": convert.objects(values)}, len(values), tensors=True)


def _guess(name: str, values: Sequence[Any]) -> Column:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} and kinds:
        return Column(name, "long" if kinds == {int} and None not in values else "double")
    if kinds == {bool} and None not in values:
        return Column(name, "boolean")
    return Column(name, "object")


def _by_position(values: list[Any], signature: Signature) -> dict[str, Any]:
    data = [each if isinstance(each, list) else [each] for each in values]
    width = len(data[0]) if data else 0
    if not signature.columns:
        fit.width(width)
    names = [each.name for each in signature.columns] or [str(i) for i in range(width)]
    return _split_table(names, data)


def _tensor_rows(given: Any, signature: Signature) -> Rows:
    tensors = signature.tensors
    if not isinstance(given, dict):
        if len(tensors) > 1:
            raise BadInput(f"Inputs must be named: {', '.join(each.name for each in tensors)}.")
        given = {tensors[0].name: given}
    elif len(tensors) == 1 and not tensors[0].name:
        given = {"": _stack(given)}
    fit.tensors(given, tensors)
    arrays: dict[str, Array] = {each.name: convert.tensor(given[each.name], each) for each in tensors}
    counts = {len(array) for array in arrays.values()}
    if len(counts) != 1 or 0 in counts:
        raise BadInput("All inputs must have the same number of rows, at least one.")
    return Rows(arrays, counts.pop(), tensors=True)


def _stack(columns: Mapping[str, Any]) -> list[list[Any]]:
    values = list(columns.values())
    if len({len(each) if isinstance(each, list) else -1 for each in values}) != 1 or not isinstance(values[0], list):
        raise BadInput("All columns must be lists of the same length.")
    return [list(row) for row in zip(*values, strict=True)]
