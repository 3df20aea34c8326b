"""Answers of the Open Inference Protocol: predictions as tensors, and back; what its metadata says."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest

from cuelight.kit.errors import BadInput, ModelFault
from cuelight.protocol import inference, media
from cuelight.protocol.answer import Written
from cuelight.protocol.inference import Wanted
from cuelight.protocol.signature import Column, Signature, Tensor
from tests.support.forms import counted

NAMED = Signature(outputs=({"name": "y", "type": "double"},))


def answered(answer: Any, wanted: Wanted | None = None, signature: Signature = NAMED) -> tuple[dict[str, Any], Written]:
    """The JSON of an answer, and all of it."""
    written = inference.encode(answer, wanted or Wanted(), signature, "m", 3)
    return orjson.loads(written.body[: written.header_length or None]), written


def test_an_answer_has_the_signatures_name_or_output_1() -> None:
    """With the model's name, its version, the request's id, and MLServer's word for what it is."""
    document, written = answered(np.array([1.5, np.nan]), Wanted("7"))
    assert document == {
        "model_name": "m",
        "model_version": "3",
        "id": "7",
        "parameters": {"content_type": "np"},
        "outputs": [{"name": "y", "shape": [2], "datatype": "FP64", "data": [1.5, None]}],
    }
    assert (written.media_type, written.header_length) == (media.JSON, 0)
    document, _ = answered(np.array(["a"]), signature=Signature())
    assert "id" not in document
    assert document["outputs"] == [{"name": "output-1", "shape": [1], "datatype": "BYTES", "data": ["a"]}]


def test_frames_and_dicts_have_an_output_for_each_column() -> None:
    """And an array of several values a row where the signature names as many outputs."""
    frame = pd.DataFrame({"u": [1, 2], "v": ["a", "b"], "w": [True, False]})
    document, _ = answered(frame)
    assert [(each["name"], each["datatype"]) for each in document["outputs"]] == [
        ("u", "INT64"),
        ("v", "BYTES"),
        ("w", "BOOL"),
    ]
    two = Signature(outputs=({"name": "p", "type": "double"}, {"name": "q", "type": "double"}))
    document, written = answered(np.array([[1.0, 2.0], [3.0, 4.0]]), signature=two)
    assert [(each["name"], each["data"]) for each in document["outputs"]] == [("p", [1.0, 3.0]), ("q", [2.0, 4.0])]
    assert inference.predictions(written.body, 0) == [[1.0, 2.0], [3.0, 4.0]]


def test_outputs_are_chosen_and_binary_where_asked() -> None:
    """One as bytes after the JSON, the other in it; one that is not there is refused with those that are."""
    wanted = Wanted(outputs={"v": None, "u": True})
    document, written = answered({"u": np.array([1, 2], np.int16), "v": ["ü", "b"], "w": [1]}, wanted)
    assert [each["name"] for each in document["outputs"]] == ["v", "u"]
    assert document["outputs"][0]["data"] == ["ü", "b"]
    assert document["outputs"][1]["parameters"] == {"binary_data_size": 4}
    assert (written.media_type, written.body[written.header_length :]) == (media.BINARY, b"\x01\x00\x02\x00")
    _, written = answered(["ü", "b"], Wanted(binary=True))
    assert written.body[written.header_length :] == counted("ü") + counted("b")
    with pytest.raises(BadInput, match="There is no output `x`; there are y"):
        answered([1.5], Wanted(outputs={"x": None}))
    with pytest.raises(BadInput, match="ask for JSON"):
        answered(["a", None], Wanted(binary=True))


@pytest.mark.parametrize("answer", [[[1.0], [1.0, 2.0]], [1.5, "a"], [{"a": 1}, 2], [object()], [2**53 + 1, None]])
def test_what_fits_no_tensor_is_the_models_fault(answer: Any) -> None:
    """Ragged, mixed, nothing that has a form, or an integer that a float beside a missing one would round."""
    with pytest.raises(ModelFault):
        answered(answer)


def test_one_long_text_in_an_answer_does_not_make_room_for_all() -> None:
    """NumPy's own texts are each as wide as the longest: a few megabytes would become terabytes."""
    texts = ["x" * 2**20] + ["y"] * 2**20
    assert answered(texts)[0]["outputs"][0]["shape"] == [len(texts)]


def test_metadata_names_what_the_model_takes_and_gives() -> None:
    """Columns as one tensor each; tensors as they are."""
    columns = Signature((Column("a", "double"), Column("t", "datetime")), outputs=({"type": "string"},))
    assert inference.input_tensors(columns) == [
        {"name": "a", "datatype": "FP64", "shape": [-1]},
        {"name": "t", "datatype": "BYTES", "shape": [-1], "parameters": {"content_type": "datetime"}},
    ]
    assert [each["name"] for each in inference.output_tensors(columns)] == ["output-1"]
    spec = {"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}}
    tensors = Signature(tensors=(Tensor("", "int64", (-1, 2)),), outputs=(spec,))
    assert inference.input_tensors(tensors) == [{"name": "input-1", "datatype": "INT64", "shape": [-1, 2]}]
    assert inference.output_tensors(tensors) == [{"name": "output-1", "datatype": "FP32", "shape": [-1, 3]}]
