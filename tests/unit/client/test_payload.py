from __future__ import annotations

import datetime
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cuelight.client.payload import body
from cuelight.kit.errors import BadInput
from cuelight.protocol.decoder import Decoder
from cuelight.protocol.signature import Column, Signature

_TYPES = {"d": "double", "f": "float", "l": "long", "i": "integer", "b": "boolean", "s": "string", "t": "datetime"}
_SIGNATURE = Signature(tuple(Column(name, kind) for name, kind in _TYPES.items()))
_FRAME = pd.DataFrame(
    {
        "d": [0.1, np.nan],
        "f": np.array([1 / 3, 2.5], np.float32),
        "l": [2**62, -1],
        "i": np.array([1, 2], np.int32),
        "b": [True, False],
        "s": ["Zürich", None],
        "t": pd.to_datetime(["2024-02-29T12:00:00.123456789", None]),
    }
)


def test_a_frame_arrives_as_it_was() -> None:
    """Every type to its last digit, and what is missing as missing."""
    rows = Decoder(_SIGNATURE).decode("application/json", body(_FRAME)).rows.native()
    pd.testing.assert_frame_equal(rows, _FRAME, check_dtype=False)
    assert rows["d"][0] == 0.1
    assert rows["f"].to_numpy(np.float32).tolist() == _FRAME["f"].tolist()


@pytest.mark.parametrize(
    ("inputs", "sent"),
    [
        (np.array([[1.5, np.nan]]), {"inputs": [[1.5, None]]}),
        (np.array(["2024-02-29", "NaT"], "datetime64[D]"), {"inputs": ["2024-02-29", None]}),
        ([[1, 2], [3, 4]], {"inputs": [[1, 2], [3, 4]]}),
        ([{"a": np.int64(1), "b": np.datetime64("2024-02-29")}], {"inputs": [{"a": 1, "b": "2024-02-29"}]}),
        ({"a": np.array([1, 2]), "b": pd.Series([None, 1.0])}, {"inputs": {"a": [1, 2], "b": [None, 1.0]}}),
        ({"a": b"\xff", "b": datetime.date(2024, 2, 29)}, {"inputs": {"a": "/w==", "b": "2024-02-29"}}),
        ({"dataframe_records": [{"a": 1}]}, {"dataframe_records": [{"a": 1}]}),
        (pd.Series([1, pd.NA], dtype="Int64"), {"inputs": [1, None]}),
        (
            pd.DataFrame({0: [np.array([1.0, np.nan])]}),
            {"dataframe_split": {"columns": ["0"], "data": [[[1.0, None]]]}},
        ),
    ],
)
def test_whatever_holds_rows_can_be_sent(inputs: Any, sent: dict[str, Any]) -> None:
    """Arrays, lists and dicts of them, with NumPy's and pandas' values in them; a body as it is."""
    assert json.loads(body(inputs)) == sent
    assert json.loads(body(inputs, {"quantile": np.float64(0.5)})) == sent | {"params": {"quantile": 0.5}}


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        (pd.DataFrame({"a": [np.inf]}), "Out of range float"),
        ([float("nan")], "Send None for what is missing"),
        ([{1, 2}], "a set is neither"),
        ("1,2", "not str"),
        (None, "not NoneType"),
    ],
)
def test_what_can_not_be_sent_is_refused(inputs: Any, says: str) -> None:
    """Here, with what to do: an infinity would be null once it came."""
    with pytest.raises(BadInput, match=says):
        body(inputs)
