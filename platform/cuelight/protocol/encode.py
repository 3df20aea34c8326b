"""From a model's output to an answer's bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def encode(predictions: Any) -> bytes:
    """`{"predictions": ...}` as MLflow's scoring server gives it; NaN and infinities are null, so that it is JSON."""
    return orjson.dumps({"predictions": plain(predictions)}, default=_fallback, option=_OPTIONS)


def plain(predictions: Any) -> Any:
    """Arrays, Series and DataFrames as lists, a DataFrame as one object a row; all else as it is."""
    if isinstance(predictions, np.ndarray):
        return predictions.tolist()
    if hasattr(predictions, "to_dict") and hasattr(predictions, "columns"):
        return predictions.to_dict(orient="records")
    if hasattr(predictions, "tolist"):
        return predictions.tolist()
    return predictions


def error(code: str, message: str, request_id: str = "") -> bytes:
    """The one error shape: that of MLflow's scoring server, with the request's id."""
    return orjson.dumps({"error_code": code, "message": message, "request_id": request_id})


def _fallback(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, bytes):
        import base64

        return base64.b64encode(value).decode()
    return str(value)
