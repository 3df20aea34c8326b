"""From a model's output to an answer's bytes."""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import Any

import numpy as np
import orjson

from cuelight.kit.errors import ModelFault
from cuelight.protocol import media

# Moments pass through `_fallback`, because pandas' NaT is one of them.
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATETIME
_LISTED = frozenset(map(np.dtype, ("float64", "int64", "int32", "bool")))


def encode(predictions: Any) -> bytes:
    """`{"predictions": ...}` as MLflow's scoring server gives it; NaN and infinities are null, so that it is JSON.

    Raises:
        ModelFault: it holds something that JSON has no form for.
    """
    try:
        written = predictions if _as_listed(predictions) else plain(predictions)
        return dump({"predictions": written})
    except TypeError:  # orjson's JSONEncodeError is one
        raise ModelFault("The model's answer can't be written as JSON. Ask the model's owner.") from None


def dump(document: Any) -> bytes:
    """JSON, with NaN and infinities as null, bytes as base64, moments as ISO 8601.

    Raises:
        TypeError: it holds something that JSON has no form for.
    """
    return orjson.dumps(document, default=_fallback, option=_OPTIONS)


def _as_listed(predictions: Any) -> bool:
    """Whether orjson writes this array to the byte as it writes its list: not so 32-bit floats, which it shortens."""
    return type(predictions) is np.ndarray and predictions.dtype in _LISTED and predictions.flags.c_contiguous


def plain(predictions: Any) -> Any:
    """Arrays, Series and DataFrames as lists, a DataFrame as one object a row; all else as it is."""
    if hasattr(predictions, "toarray"):  # SciPy's sparse matrices, as transformers make them
        predictions = predictions.toarray()
    if isinstance(predictions, np.ndarray):
        return (_moments(predictions) if predictions.dtype.kind == "M" else predictions).tolist()
    if hasattr(predictions, "to_dict") and hasattr(predictions, "columns"):
        return predictions.to_dict(orient="records")
    if hasattr(predictions, "tolist"):
        return predictions.tolist()
    return predictions


def _moments(array: Any) -> Any:
    """Moments as texts: in nanoseconds NumPy would list them as integers."""
    texts = np.datetime_as_string(array).astype(object)
    texts[np.isnat(array)] = None
    return texts


def error(code: str, message: str, request_id: str = "", protocol: str = media.MLFLOW) -> bytes:
    """The one error shape: that of MLflow's scoring server, with the request's id.

    Callers by the Open Inference Protocol look for the message under `error`: for them it is there as well.
    """
    shape = {"error_code": code, "message": message, "request_id": request_id}
    return orjson.dumps(shape | {"error": message} if protocol == media.INFERENCE else shape)


def _fallback(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Decimal):
        return str(value)
    if str(value) in ("NaT", "<NA>"):  # pandas' own nulls
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    listed = plain(value)
    if listed is value:
        raise TypeError(type(value).__name__)
    return listed
