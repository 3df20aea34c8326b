"""The same rows are the same rows, whichever form they came in; and so are the answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest

from cuelight.protocol import answer, media
from cuelight.protocol.answer import Written, write
from cuelight.protocol.compression import expand
from cuelight.protocol.decode import ScoringRequest, decode
from cuelight.protocol.encode import encode
from cuelight.protocol.inference import Wanted
from cuelight.protocol.signature import Column, Signature
from tests.support.forms import Form, every_form

FRAME = pd.DataFrame(
    {
        "d": [0.1, -2.5e300],
        "f": np.array([0.1, 7.0], np.float32),
        "l": [2**53 + 1, -1],
        "i": np.array([1, -(2**31)], np.int32),
        "b": [True, False],
        "s": ['Zürich, "quoted"', "007"],
        "t": pd.to_datetime(["2026-01-01T10:00:00.123456789", "1999-12-31"], format="ISO8601"),
    }
)
TYPES = {"d": "double", "f": "float", "l": "long", "i": "integer", "b": "boolean", "s": "string", "t": "datetime"}
SIGNATURE = Signature(tuple(Column(*each) for each in TYPES.items()))
FORMS = every_form(FRAME)


def read(form: Form, signature: Signature = SIGNATURE) -> ScoringRequest:
    """What a request in this form asks for."""
    headers = form.headers
    return decode(
        headers["Content-Type"],
        expand(form.body, headers.get("Content-Encoding", ""), 1 << 20),
        signature,
        protocol=form.protocol,
        header_length=headers.get("Inference-Header-Content-Length", ""),
    )


@pytest.mark.parametrize("name", FORMS)
def test_every_form_brings_the_same_rows(name: str) -> None:
    """Bit for bit, in the signature's types."""
    rows = read(FORMS[name]).rows
    assert rows.count == 2
    assert list(rows.columns) == list(TYPES)
    for column, values in rows.columns.items():
        want = FRAME[column].to_numpy()
        assert values.dtype == (object if column == "s" else "M8[ns]" if column == "t" else want.dtype), column
        assert values.tolist() == want.astype(values.dtype).tolist(), column


ANSWERS: dict[str, Any] = {
    "doubles": np.array([0.1, -2.5e300]),
    "singles with NaN": np.array([0.1, np.nan], np.float32),
    "whole numbers": np.array([1, 2**60]),
    "bytes of numbers": np.array([1, 255], np.uint8),
    "booleans": np.array([True, False]),
    "labels": np.array(["a", "ü"]),
    "labels as objects": np.array(["a", "b"], dtype=object),
    "several a row": np.array([[0.1, 0.9], [1.0, 0.0]]),
    "moments": np.array(["2026-01-01", "2026-01-02T10:00"], "M8[ns]"),
    "bytes": np.array([b"\x00\xff", b""], dtype=object),
    "a list": [1.5, None],
    "a list of objects": [{"u": 1.5, "v": "a"}, {"u": 2.5, "v": "b"}],
    "a frame": pd.DataFrame({"u": [1.5, np.nan], "v": ["a", "b"], "w": [1, 2]}),
    "a frame of moments": pd.DataFrame({"t": pd.to_datetime(["2026-01-01", "2026-01-02"])}),
    "a series": pd.Series([1, 2], name="y"),
    "a dict of arrays": {"u": np.array([1.5, 2.5]), "v": np.array([[1, 2], [3, 4]])},
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("way", ["Arrow", "v2", "v2 binary"])
def test_every_answer_reads_as_that_in_json(name: str, way: str) -> None:
    """What the journal reads back from an answer does not depend on the form it went in."""
    wanted = None if way == "Arrow" else Wanted(binary=way == "v2 binary")
    accept = media.ARROW_STREAM if way == "Arrow" else ""
    written = write(ANSWERS[name], Signature(), accept, wanted, "m", 3)
    plain = orjson.loads(encode(ANSWERS[name]))["predictions"]
    protocol = media.MLFLOW if way == "Arrow" else media.INFERENCE
    assert answer.read(written.body, protocol, written.media_type, written.header_length) == plain
    assert answer.read(encode(ANSWERS[name]), media.MLFLOW, media.JSON, 0) == plain
    assert isinstance(written, Written)


MISSING: dict[str, Any] = {
    "labels in a series": pd.Series(["yes", np.nan]),
    "labels as objects": np.array(["yes", np.nan], dtype=object),
    "dates": pd.Series(pd.to_datetime(["2026-01-01", None]).date),
    "dates in a frame": pd.DataFrame({"t": pd.to_datetime(["2026-01-01", None]).date}),
}


@pytest.mark.parametrize("name", MISSING)
def test_what_is_missing_among_texts_and_dates_is_null_in_every_answer(name: str) -> None:
    """NaN and NaT are how pandas says so: neither a fault nor the first day of the year 1."""
    plain = orjson.loads(encode(MISSING[name]))["predictions"]
    for accept, wanted in ((media.ARROW_STREAM, None), ("", Wanted())):
        written = write(MISSING[name], Signature(), accept, wanted, "m", 3)
        protocol = media.INFERENCE if wanted else media.MLFLOW
        assert answer.read(written.body, protocol, written.media_type, written.header_length) == plain
