from __future__ import annotations

import struct

import numpy as np
import orjson
import pandas as pd
import pytest

from benchmarks import wire
from benchmarks.equality import same

FRAME = pd.DataFrame({"x": [0.5, 1.5], "w": ["red", "blü"]})


def test_a_tensor_a_column_is_written_as_the_open_inference_protocol_says() -> None:
    """In JSON, and as bytes behind a JSON header: doubles little-endian, strings with their length before them."""
    plain = orjson.loads(wire.tensors(FRAME, "/p").content)
    assert [each["datatype"] for each in plain["inputs"]] == ["FP64", "BYTES"]
    body = wire.tensors(FRAME, "/p", binary=True)
    length = int(body.headers["Inference-Header-Content-Length"])
    header, tail = orjson.loads(body.content[:length]), body.content[length:]
    sizes = [each["parameters"]["binary_data_size"] for each in header["inputs"]]
    assert sizes == [16, 4 + 3 + 4 + 4]
    assert tail == struct.pack("<dd", 0.5, 1.5) + b"\x03\x00\x00\x00red" + b"\x04\x00\x00\x00" + "blü".encode()


@pytest.mark.parametrize(
    ("content", "length"),
    [
        (b"[1.5, 2.5]", None),
        (b'{"predictions": [1.5, 2.5]}', None),
        (b'{"outputs": [{"shape": [2, 1], "datatype": "FP64", "data": [[1.5], [2.5]]}]}', None),
        (b'{"outputs": [{"datatype": "FP64"}]}' + np.array([1.5, 2.5]).tobytes(), 35),
    ],
)
def test_predictions_are_read_in_each_form(content: bytes, length: int | None) -> None:
    """A list, MLflow's, the Open Inference Protocol's in JSON and in bytes."""
    headers = {"inference-header-content-length": str(length)} if length else {}
    assert wire.predictions(content, headers) == [1.5, 2.5]


def test_same_is_exact_for_labels_and_close_for_floats() -> None:
    """A label that differs differs; floats may differ in their last digits."""
    assert same([1, 0], [1, 0])
    assert not same([1, 1], [1, 0])
    assert not same([1], [1, 0])
    assert not same(["a", "b"], ["a", "c"])
    assert same([1e6 + 1e-4], [1e6])
    assert not same([1.0 + 1e-8], [1.0])
