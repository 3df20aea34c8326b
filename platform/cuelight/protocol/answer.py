"""From a model's output to an answer's bytes in the form that was asked for, and back again for the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from msgspec import Struct

from cuelight.protocol import media
from cuelight.protocol.encode import encode, plain
from cuelight.protocol.signature import Signature

if TYPE_CHECKING:
    from cuelight.protocol.inference import Wanted

ARRAY, COLUMNS, RECORDS = "array", "columns", "records"  # what a model answers: values, a dict, a DataFrame
PREDICTIONS = "predictions"


class Written(Struct, frozen=True):
    """An answer's body; `header_length`: how many of its bytes are JSON before binary tensors, 0: all."""

    body: bytes
    media_type: str = media.JSON
    header_length: int = 0


def write(
    predictions: Any,
    signature: Signature,
    accept: str = "",
    wanted: Wanted | None = None,
    model: str = "",
    version: int = 0,
) -> Written:
    """The answer as the request wants it, by the Open Inference Protocol; as Arrow if `accept` names it; else as JSON.

    Raises:
        ModelFault: it holds something that this form has no room for.
        BadInput: an output was asked for that is not there.
    """
    if wanted is not None:
        from cuelight.protocol import inference

        return inference.encode(predictions, wanted, signature, model, version)
    if accept and media.accepts(accept, media.ARROW_STREAM):
        from cuelight.protocol import tables

        return Written(tables.write(predictions), media.ARROW_STREAM)
    return Written(encode(predictions))


def read(body: bytes, protocol: str, media_type: str, header_length: int) -> Any:
    """What the model answered, in the form that `{"predictions": ...}` has; `media_type` is the answer's own.

    Raises:
        ValueError, KeyError, TypeError: it is no such answer.
    """
    if protocol == media.INFERENCE:
        from cuelight.protocol import inference

        return inference.predictions(body, header_length)
    if media_type == media.ARROW_STREAM:
        from cuelight.protocol import tables

        return tables.predictions(body)
    return orjson.loads(body)[PREDICTIONS]


def columns(predictions: Any) -> tuple[str, dict[str, Any]]:
    """The form of an answer, and its columns: those that it names, else the one."""
    if isinstance(predictions, dict):
        return COLUMNS, {str(name): each for name, each in predictions.items()}
    if hasattr(predictions, "to_dict") and hasattr(predictions, "columns"):
        return RECORDS, {str(name): predictions[name] for name in predictions.columns}
    listed = predictions if isinstance(predictions, np.ndarray) else plain(predictions)
    if isinstance(listed, list) and listed and all(isinstance(each, dict) for each in listed):
        return RECORDS, {str(name): [each.get(name) for each in listed] for name in listed[0]}
    return ARRAY, {PREDICTIONS: listed}
