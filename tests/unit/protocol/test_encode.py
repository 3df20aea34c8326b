from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from cuelight.kit.errors import ModelFault
from cuelight.protocol.encode import encode, error, plain


def _strict(content: bytes) -> Any:
    return json.loads(content, parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))


_MOMENT = pd.Timestamp("2026-01-02T03:04:05")


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (np.array([1.5, np.nan, np.inf, -np.inf]), [1.5, None, None, None]),
        (np.array([[1, 2], [3, 4]], dtype=np.int32), [[1, 2], [3, 4]]),
        (np.array([True, False]), [True, False]),
        (np.array(["a", "ü"]), ["a", "ü"]),
        (np.array(["a", None, 1.5, np.float32(2), np.int64(3)], dtype=object), ["a", None, 1.5, 2.0, 3]),
        (np.array(["2026-01-02T03:04:05", "NaT"], "datetime64[s]"), ["2026-01-02T03:04:05", None]),
        (pd.Series([1, 2]), [1, 2]),
        (pd.Series([_MOMENT, pd.NaT]), ["2026-01-02T03:04:05", None]),
        (pd.Series([1, None], dtype="Int64"), [1, None]),
        (pd.DataFrame({"p": [0.5, np.nan], "q": ["x", None]}), [{"p": 0.5, "q": "x"}, {"p": None, "q": None}]),
        ({"y": np.array([1.0])}, {"y": [1.0]}),
        ([np.float64(1.0), {"a": np.array([2])}], [1.0, {"a": [2]}]),
        ([b"hi", Decimal("1.50")], ["aGk=", "1.50"]),
        (sparse.csr_matrix([[0, 1], [2, 0]]), [[0, 1], [2, 0]]),
        ("text", "text"),
        (None, None),
    ],
)
def test_answers_are_json_as_mlflow_gives_it(answer: Any, wanted: Any) -> None:
    """Arrays, tables, series and scalars; what JSON lacks is null."""
    assert _strict(encode(answer)) == {"predictions": wanted}


@pytest.mark.parametrize("answer", [object(), [{1, 2}], ["\ud800"], [2**70], np.array([1j])])
def test_what_json_has_no_form_for_is_the_models_fault(answer: Any) -> None:
    """An answer that can't be written down is refused, not turned into some text."""
    with pytest.raises(ModelFault):
        encode(answer)


@pytest.mark.parametrize("dtype", ["float64", ">f8", "float32", "float16", "int64", "int32", "uint64", "int8", "bool"])
def test_arrays_are_written_as_their_lists_are(dtype: str) -> None:
    """To the byte, whatever the bits: short floats in full length, every other column, other byte orders, no rows."""
    noise = np.random.default_rng(0).integers(0, 256, 32_000, dtype=np.uint8)
    array = (noise % 2 if dtype == "bool" else noise).view(dtype)
    square = array[:1000].reshape(250, 4)
    for each in (array, array[::2], array[:0], square, square.T, square[:, :1], np.asfortranarray(square)):
        assert encode(each) == encode(each.tolist())


def test_plain_leaves_lists_alone() -> None:
    """What is a list already is given back."""
    given = [1, 2]
    assert plain(given) is given


def test_errors_have_one_shape() -> None:
    """Code, message and request id, whatever is in them."""
    document = _strict(error("CODE", 'a "b"\n', "r"))
    assert document == {"error_code": "CODE", "message": 'a "b"\n', "request_id": "r"}
