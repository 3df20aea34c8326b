"""From records to Arrow tables: requests as they were, one row per prediction row, labels. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from cuelight.journal.record import Label, Prediction
from cuelight.kit.errors import CuelightError
from cuelight.protocol.answer import read
from cuelight.protocol.decoder import Decoder
from cuelight.protocol.fit import ALL
from cuelight.protocol.redaction import Reader
from cuelight.protocol.rows import Array
from cuelight.protocol.signature import Signature

REQUESTS = pa.schema(
    {
        "time": pa.float64(),
        "prediction_id": pa.string(),
        "request_id": pa.string(),
        "client": pa.string(),
        "caller": pa.string(),
        "version": pa.int64(),
        "digest": pa.string(),
        "track": pa.string(),
        "arm": pa.string(),
        "generation": pa.int64(),
        "status": pa.int64(),
        "latency_ms": pa.float64(),
        "rows": pa.int64(),
        "media_type": pa.string(),
        "request": pa.binary(),
        "response": pa.binary(),
        "error": pa.string(),
        "probabilities": pa.string(),
        "protocol": pa.string(),
        "header_length": pa.string(),
        "response_type": pa.string(),
        "response_header_length": pa.int64(),
        "redaction": pa.string(),
        "personal": pa.string(),
        "trace_id": pa.string(),
        "gateway_request": pa.string(),
        "attempt": pa.int64(),
    }
)
LABELS = pa.schema(
    {
        "time": pa.float64(),
        "prediction_id": pa.string(),
        "row": pa.int64(),
        "label": pa.string(),
        "source": pa.string(),
        "position": pa.int64(),
        "key_column": pa.string(),
        "key": pa.string(),
    }
)
ROWS = pa.schema(
    {
        "time": pa.float64(),
        "prediction_id": pa.string(),
        "row": pa.int64(),
        "version": pa.int64(),
        "track": pa.string(),
        "arm": pa.string(),
        "generation": pa.int64(),
        "latency_ms": pa.float64(),
    }
)
_SHARED = [name for name in ROWS.names if name != "row"]
_ARROW = {
    "boolean": pa.bool_(),
    "integer": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "binary": pa.binary(),
    "datetime": pa.timestamp("us"),
}


def request(prediction: Prediction) -> dict[str, Any]:
    """A row of `REQUESTS`; probabilities as JSON text."""
    row = {name: getattr(prediction, name) for name in REQUESTS.names}
    row["probabilities"] = _text(prediction.probabilities) if prediction.probabilities else None
    return row


def label(given: Label, position: int) -> dict[str, Any]:
    """A row of `LABELS`; the value as JSON text, which keeps its type. `position` is the record's in its segment."""
    row = {name: getattr(given, name) for name in LABELS.names if hasattr(given, name)}
    return row | {"label": _text(given.value), "position": position}


class RowsTable:
    """The prediction rows of one version, collected request by request.

    Columns: those of `ROWS`, `input.<column>` (`personal.<column>`, a text or null, where the column is personal),
    `output.prediction` (`output.prediction0` and on for several outputs, `output.<name>` for named ones),
    `output.proba.<class>`.
    """

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._decoder = Decoder(signature)
        self._readers: dict[tuple[str, str], Reader] = {}
        self._columns: dict[str, list[Any]] = {name: [] for name in ROWS.names}
        self._types = dict(zip(ROWS.names, ROWS.types, strict=True))
        self._types |= {f"input.{each.name}": _ARROW.get(each.type) for each in signature.columns}
        self._count = 0

    def add(self, prediction: Prediction) -> None:
        """Take the rows of one answered request, all or none.

        Raises:
            ValueError: request or answer can't be read as the signature says.
        """
        try:
            inputs, parameters, count = self._asked(prediction)
            form = prediction.protocol, prediction.response_type, prediction.response_header_length
            answer = read(prediction.response, *form)
        except (CuelightError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"the request or its answer can't be read: {error}") from error
        shares = probabilities(prediction.probabilities, count)
        as_probabilities = bool(shares) and parameters.get("predict_method") == "predict_proba"
        answered = {} if as_probabilities else outputs(answer, count)
        shared = {name: [getattr(prediction, name)] * count for name in _SHARED}
        own = {name: _list(values) for name, values in inputs.items()}
        _check_nested(own)
        self._note_types(inputs)
        self._extend(shared | {"row": list(range(count))} | own | answered | shares, count)

    def _asked(self, prediction: Prediction) -> tuple[dict[str, Array], Mapping[str, Any], int]:
        """Columns by the names that they have here, parameters, and how many rows."""
        if prediction.redaction:
            return self._redacted(prediction)
        asked = self._decoder.decode(
            prediction.media_type,
            prediction.request,
            limits=ALL,
            protocol=prediction.protocol,
            header_length=prediction.header_length,
        )
        inputs = {f"input.{name}": values for name, values in asked.rows.flat().items()}
        return inputs, asked.parameters, asked.rows.count

    def _redacted(self, prediction: Prediction) -> tuple[dict[str, Array], Mapping[str, Any], int]:
        key = prediction.redaction, prediction.personal
        if key not in self._readers:
            self._readers[key] = Reader(self._signature, prediction.redaction, prediction.personal.split(","), ALL)
        kept, hidden, parameters = self._readers[key].read(prediction.request, prediction.rows)
        inputs = {f"input.{name}": values for name, values in kept.items()}
        personal = {f"personal.{name}": values for name, values in hidden.items()}
        self._types |= dict.fromkeys(personal, pa.string())
        return inputs | personal, parameters, prediction.rows

    def table(self) -> pa.Table:
        """All rows so far; a column whose values fit no one type holds them as JSON texts."""
        arrays = {name: column(values, self._types.get(name)) for name, values in self._columns.items()}
        return pa.table({name: each for name, each in arrays.items() if not pa.types.is_null(each.type)})

    def _note_types(self, inputs: dict[str, Array]) -> None:
        for name, values in inputs.items():
            if name not in self._types and values.dtype.kind in "biuf":
                self._types[name] = pa.from_numpy_dtype(values.dtype)

    def _extend(self, new: dict[str, list[Any]], count: int) -> None:
        for name, values in new.items():
            if name not in self._columns:
                self._columns[name] = [None] * self._count
            self._columns[name].extend(values)
        for name in self._columns.keys() - new.keys():
            self._columns[name].extend([None] * count)
        self._count += count


def column(values: Sequence[Any], kind: pa.DataType | None) -> pa.Array:
    """Values as an Arrow array; where they fit neither `kind` nor any one plain type, as JSON texts."""
    try:
        array = pa.array(values, type=kind, from_pandas=True)
        if not pa.types.is_nested(array.type):
            return array
    except (ValueError, TypeError, OverflowError):
        pass  # Arrow's way to say that the values are of several types
    return pa.array([None if each is None else _text(each) for each in values], type=pa.string())


def build(rows: Sequence[dict[str, Any]], schema: pa.Schema) -> tuple[pa.Table, list[int]]:
    """A table of the rows that fit the schema, and the positions of those that don't."""
    try:
        return pa.Table.from_pylist(list(rows), schema=schema), []
    except (ValueError, TypeError, OverflowError):
        bad = [number for number, row in enumerate(rows) if not _fits(row, schema)]
        left_out = set(bad)
        return pa.Table.from_pylist([r for i, r in enumerate(rows) if i not in left_out], schema=schema), bad


def _fits(row: dict[str, Any], schema: pa.Schema) -> bool:
    try:
        pa.Table.from_pylist([row], schema=schema)
    except (ValueError, TypeError, OverflowError):
        return False
    return True


def outputs(answer: Any, count: int) -> dict[str, list[Any]]:
    """An answer of so many rows as columns `output.<name>`.

    Raises:
        ValueError: it does not hold one prediction a row.
    """
    if isinstance(answer, dict):
        return {f"output.{name}": _of_length(values, count) for name, values in answer.items()}
    rows = _of_length(answer if isinstance(answer, list) or count != 1 else [answer], count)
    if all(isinstance(row, dict) for row in rows):
        names = list(dict.fromkeys(name for row in rows for name in row))
        return {f"output.{name}": [row.get(name) for row in rows] for name in names}
    widths = {len(row) if isinstance(row, list) else 0 for row in rows}
    width = widths.pop() if len(widths) == 1 else 0
    if width == 0:
        return {"output.prediction": rows}
    names = ["prediction"] if width == 1 else [f"prediction{i}" for i in range(width)]
    return {f"output.{name}": [row[i] for row in rows] for i, name in enumerate(names)}


def _of_length(values: Any, count: int) -> list[Any]:
    if not isinstance(values, list) or len(values) != count:
        raise ValueError(f"the answer does not hold one prediction for each of the {count} rows")
    return values


def probabilities(given: Mapping[str, Any] | None, count: int) -> dict[str, list[Any]]:
    """Probabilities as columns `output.proba.<class>`; none where none are given.

    Raises:
        ValueError: there is not one value for each class and row.
    """
    if not given:
        return {}
    try:
        classes, values = list(given["classes"]), _of_length(given["values"], count)
        return {f"output.proba.{name}": [float(row[i]) for row in values] for i, name in enumerate(classes)}
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError("the probabilities do not have one value per class and row") from error


def _check_nested(columns: Mapping[str, Sequence[Any]]) -> None:
    """Make sure that what is no plain value can be a text: JSON is read four times as deep as it is written.

    Raises:
        ValueError: something is nested too deeply.
    """
    for values in columns.values():
        for each in values if {list, dict} & set(map(type, values)) else ():
            try:
                _text(each)
            except TypeError as error:  # orjson's JSONEncodeError is one
                raise ValueError(f"a value can't be written as JSON: {error}") from error


def _list(values: Array) -> list[Any]:
    if values.dtype.kind == "M":
        values = values.astype("datetime64[us]")
    plain: list[Any] = np.asarray(values).tolist()
    return plain


def _text(value: Any) -> str:
    return orjson.dumps(value, default=_readable, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def _readable(value: Any) -> Any:
    reader: Callable[[Any], Any] = bytes.hex if isinstance(value, bytes) else str
    return reader(value)
