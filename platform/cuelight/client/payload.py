"""What a caller has in Python, as a body of MLflow's scoring protocol."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np

from cuelight.kit.errors import BadInput
from cuelight.protocol.decode import FORMS


def body(inputs: Any, params: Mapping[str, Any] | None = None) -> bytes:
    """JSON for a pandas DataFrame or Series, an array, a list with one entry a row, or a dict.

    A dict is sent as it is where it is a body already (`dataframe_split`, …); else it holds the columns, each a list
    or an array, or one row. Numbers keep all their digits; what is missing in frames and arrays is null.

    Raises:
        BadInput: there is nothing to send, or what JSON can't say: an infinity, or NaN outside frames and arrays.
    """
    document = _form(inputs)
    if params:
        document |= {"params": dict(params)}
    try:
        return json.dumps(document, default=_plain, allow_nan=False, separators=(",", ":")).encode()
    except (ValueError, TypeError) as error:
        raise BadInput(f"The inputs can't be sent as JSON: {error}. Send None for what is missing.") from None


def _form(inputs: Any) -> dict[str, Any]:
    if hasattr(inputs, "iloc"):
        return _of_pandas(inputs)
    if isinstance(inputs, Mapping):
        is_body = any(form in inputs for form in FORMS)
        return dict(inputs) if is_body else {"inputs": dict(inputs)}
    if isinstance(inputs, list | tuple | np.ndarray):
        return {"inputs": inputs}
    raise BadInput(f"Inputs are a DataFrame, an array, a list or a dict, not {type(inputs).__name__}.")


def _of_pandas(inputs: Any) -> dict[str, Any]:
    if inputs.ndim == 1:
        return {"inputs": inputs}
    columns = [_listed(inputs.iloc[:, place].to_numpy(dtype=object)) for place in range(inputs.shape[1])]
    rows = list(zip(*columns, strict=True))
    return {"dataframe_split": {"columns": [str(each) for each in inputs.columns], "data": rows}}


def _plain(value: Any) -> Any:
    """What `json` does not know, as what it knows."""
    if isinstance(value, date):
        return value.isoformat()
    if hasattr(value, "to_numpy"):
        value = value.to_numpy(dtype=object)
    if isinstance(value, np.ndarray | np.datetime64):
        return _listed(np.asarray(value))
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"a {type(value).__name__} is neither number, text, moment nor bytes")


def _listed(values: np.ndarray[Any, Any]) -> Any:
    """An array as lists, None where a value is missing."""
    if values.dtype.kind == "M":
        texts = np.array(np.datetime_as_string(values), dtype=object)
        texts[np.isnat(values)] = None
        return texts.tolist()
    if values.dtype.kind in "fO":
        return np.asarray(_present(values.astype(object)), dtype=object).tolist()
    return values.tolist()


def _is_missing(value: Any) -> bool:
    if isinstance(value, float):
        return math.isnan(value)
    return type(value).__name__ in ("NaTType", "NAType")  # pandas' own, which is not imported for this


_present = np.frompyfunc(lambda value: None if _is_missing(value) else value, 1, 1)
