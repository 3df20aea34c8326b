"""Labels that come later: what `POST /models/{name}/feedback` takes."""

from __future__ import annotations

import time

import orjson

from cuelight.journal.record import Label
from cuelight.kit.errors import BadInput, TooLarge
from cuelight.registry.key import how

_MOST = 10_000
_LONGEST = 256
_HOW = (
    'Send {"prediction_id": "...", "row": 0, "label": ...}, or {"key": ..., "label": ...}, or {"labels": [...]} with '
    "a list of these; the id is the X-Prediction-Id of the answer, row counts from 0, the key is a value of the column "
    "that the model's tag cuelight.key names."
)


def read_labels(model: str, body: bytes, key_column: str = "") -> list[Label]:
    """The labels in a request body; `key_column` is what keys are values of, empty where the model has none.

    Raises:
        BadInput: the body is not of the form, or a label is not a number, a string or a boolean.
        TooLarge: more than 10,000 labels.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"The body is not valid JSON ({error.msg}). {_HOW}") from None
    if not isinstance(document, dict):
        raise BadInput(_HOW)
    entries = document.get("labels", [document])
    if not isinstance(entries, list) or not entries:
        raise BadInput(_HOW)
    if len(entries) > _MOST:
        raise TooLarge(f"{len(entries)} labels are more than the {_MOST} allowed in one request.")
    now = time.time()
    return [_label(model, number, entry, now, key_column) for number, entry in enumerate(entries)]


def _label(model: str, number: int, entry: object, now: float, key_column: str) -> Label:
    if not isinstance(entry, dict):
        raise BadInput(f"Label {number} is not an object. {_HOW}")
    value = entry.get("label")
    if not isinstance(value, int | float | str):
        raise BadInput(f"Label {number}: label must be a number, a string or a boolean.")
    if "key" in entry:
        return Label(now, model, "", 0, value, key_column=key_column, key=_key(model, number, entry, key_column))
    prediction, row = entry.get("prediction_id"), entry.get("row", 0)
    if not isinstance(prediction, str) or not 1 <= len(prediction) <= 64:
        raise BadInput(f"Label {number} has no prediction_id. {_HOW}")
    if isinstance(row, bool) or not isinstance(row, int) or not 0 <= row < 2**31:
        raise BadInput(f"Label {number}: row must be a whole number from 0.")
    return Label(now, model, prediction, row, value)


def _key(model: str, number: int, entry: dict[str, object], key_column: str) -> str:
    key = entry["key"]
    if "prediction_id" in entry or "row" in entry:
        raise BadInput(f"Label {number} has both a key and a prediction_id or row: leave one. {_HOW}")
    if isinstance(key, bool) or not isinstance(key, int | str) or not 1 <= len(str(key)) <= _LONGEST:
        raise BadInput(f"Label {number}: key must be a whole number or a text of at most {_LONGEST} characters.")
    if not key_column:
        raise BadInput(how(model))
    return str(key)
