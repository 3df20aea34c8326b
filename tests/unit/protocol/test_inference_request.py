"""Requests of the Open Inference Protocol: tensors to rows; what lies about its size is refused."""

from __future__ import annotations

import contextlib
import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuelight.kit.errors import BadInput, TooLarge
from cuelight.protocol import media
from cuelight.protocol.decode import ScoringRequest, decode
from cuelight.protocol.fit import Limits
from cuelight.protocol.inference import Wanted
from cuelight.protocol.inference.tensor import DTYPES
from cuelight.protocol.signature import Column, Parameter, Signature, Tensor
from tests.support.forms import counted

AB = Signature((Column("a", "double"), Column("b", "double")))


def tensor(name: str, shape: list[Any], datatype: str, data: Any = None, **parameters: Any) -> dict[str, Any]:
    """An input as JSON has it."""
    document = {"name": name, "shape": shape, "datatype": datatype}
    return document | ({} if data is None else {"data": data}) | ({"parameters": parameters} if parameters else {})


def request(
    document: Any, signature: Signature = AB, blob: bytes = b"", header: str | None = None, most: int = 100_000
) -> ScoringRequest:
    """What a request asks for; `blob` stands after the JSON."""
    head = document if isinstance(document, bytes) else json.dumps(document).encode()
    length = header if header is not None else str(len(head)) if blob else ""
    return decode("", head + blob, signature, Limits(most), protocol=media.INFERENCE, header_length=length)


def values(document: Any, signature: Signature = AB, blob: bytes = b"") -> dict[str, list[Any]]:
    """The rows of a request."""
    return {name: each.tolist() for name, each in request(document, signature, blob).rows.columns.items()}


WANT = {"a": [1.0, 3.0], "b": [2.0, 4.0]}
DOUBLES = np.array([[1.0, 2.0], [3.0, 4.0]])
SAME: dict[str, tuple[list[dict[str, Any]], bytes]] = {
    "one tensor a column": ([tensor("b", [2], "FP64", [2, 4]), tensor("a", [2], "FP64", [1.0, 3.0])], b""),
    "columns of shape [n, 1]": ([tensor("a", [2, 1], "FP64", [1, 3]), tensor("b", [2, 1], "FP64", [[2], [4]])], b""),
    "other datatypes that fit": ([tensor("a", [2], "UINT8", [1, 3]), tensor("b", [2], "FP32", [2.0, 4.0])], b""),
    "one tensor of all": ([tensor("input-0", [2, 2], "FP64", [1, 2, 3, 4])], b""),
    "one tensor of all, nested": ([tensor("x", [2, 2], "INT64", [[1, 2], [3, 4]])], b""),
    "one tensor of all, binary": ([tensor("x", [2, 2], "FP64", binary_data_size=32)], DOUBLES.tobytes()),
    "columns, binary": (
        [tensor("a", [2], "FP16", binary_data_size=4), tensor("b", [2, 1], "INT32", binary_data_size=8)],
        np.array([1, 3], np.float16).tobytes() + np.array([2, 4], np.int32).tobytes(),
    ),
    "binary beside JSON, and one that is not a column": (
        [
            tensor("a", [2], "FP64", [1, 3]),
            tensor("z", [1], "INT8", binary_data_size=1),
            tensor("b", [2], "UINT16", binary_data_size=4),
        ],
        b"\x07" + np.array([2, 4], np.uint16).tobytes(),
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_tensors_become_columns(name: str) -> None:
    """One a column, or all side by side in the signature's order; as JSON, nested or flat, or as bytes."""
    inputs, blob = SAME[name]
    assert values({"inputs": inputs}, blob=blob) == WANT


def test_texts_become_what_the_column_is() -> None:
    """BYTES are texts, binary data (base64 in JSON), or dates, by the signature; null is a missing one."""
    signature = Signature((Column("s", "string"), Column("c", "binary"), Column("t", "datetime")))
    document = {
        "inputs": [
            tensor("s", [2], "BYTES", ["ü", None]),
            tensor("c", [2], "BYTES", ["AP8=", None], content_type="base64"),
            tensor("t", [2], "BYTES", ["1970-01-01T00:00:01Z", None], content_type="datetime"),
        ]
    }
    rows = request(document, signature).rows.columns
    assert [rows["s"].tolist(), rows["c"].tolist()] == [["ü", None], [b"\x00\xff", None]]
    assert rows["t"].astype(np.int64).tolist()[0] == 10**9
    blob = counted("ü") + counted("") + struct.pack("<I", 2) + b"\x00\xff" + counted("") + counted("1970-01-01") * 2
    sizes = [len(counted("ü") + counted("")), 10, 28]
    binary = [tensor(n, [2], "BYTES", binary_data_size=size) for n, size in zip("sct", sizes, strict=True)]
    rows = request({"inputs": binary}, signature, blob).rows.columns
    assert [rows["s"].tolist(), rows["c"].tolist()] == [["ü", ""], [b"\x00\xff", b""]]
    texts = Signature((Column("p", "string"), Column("q", "string")))
    assert values({"inputs": [tensor("x", [1, 2], "BYTES", ["a", "b"])]}, texts) == {"p": ["a"], "q": ["b"]}


@pytest.mark.parametrize("datatype", [each for each in DTYPES if each != "BOOL"])
def test_every_number_is_the_same_in_both_ways(datatype: str) -> None:
    """At both ends of its type, into a tensor of that very type."""
    dtype = np.dtype(DTYPES[datatype])
    limits = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    array = np.array([limits.min, 0, limits.max], dtype)
    signature = Signature(tensors=(Tensor("x", dtype.name, (-1,)),))
    for inputs, blob in (
        (tensor("x", [3], datatype, array.tolist()), b""),
        (tensor("x", [3], datatype, binary_data_size=array.nbytes), array.tobytes()),
    ):
        read = request({"inputs": [inputs]}, signature, blob).rows.columns["x"]
        assert read.dtype == dtype
        assert read.tolist() == array.tolist()


def test_signatures_of_tensors_are_met_directly() -> None:
    """A lone one by whatever name; several by theirs; a row without its first dimension is one row."""
    one = Signature(tensors=(Tensor("", "float32", (-1, 2)),))
    assert values({"inputs": [tensor("any", [2, 2], "FP32", [1, 2, 3, 4])]}, one) == {"": [[1.0, 2.0], [3.0, 4.0]]}
    assert values({"inputs": [tensor("any", [2], "FP32", [1, 2])]}, one) == {"": [[1.0, 2.0]]}
    two = Signature(tensors=(Tensor("u", "float64", (-1, 2)), Tensor("v", "bool", (-1,))))
    inputs = [tensor("v", [1], "BOOL", [True]), tensor("u", [1, 2], "FP64", [1, 2])]
    assert values({"inputs": inputs}, two) == {"u": [[1.0, 2.0]], "v": [True]}


def test_no_signature_takes_what_is_there() -> None:
    """Tensors as columns by their names, one of two dimensions as numbered ones."""
    assert values({"inputs": [tensor("x", [1, 2], "FP32", [1, 2])]}, Signature()) == {"0": [1.0], "1": [2.0]}
    inputs = [tensor("a", [1], "BYTES", ["t"]), tensor("b", [1], "INT8", [5])]
    assert values({"inputs": inputs}, Signature()) == {"a": ["t"], "b": [5]}


def test_a_model_of_entries_takes_one_tensor() -> None:
    """One value a row, as its type hints say."""
    assert values({"inputs": [tensor("x", [2], "BYTES", ["a", "b"])]}, Signature(entries=True)) == {"": ["a", "b"]}


def test_parameters_are_the_models_and_others_are_left_to_their_servers() -> None:
    """What Triton's and MLServer's clients add is no parameter of the model, unless its signature has one so named."""
    signature = Signature(AB.columns, parameters=(Parameter("n", "long", 1), Parameter("timeout", "long", 1)))
    inputs = [tensor("x", [1, 2], "FP64", [1, 2], content_type="np")]
    asked = {"n": 5, "predict_method": "predict_proba", "timeout": 9, "sequence_id": 1, "priority": 2, "triton_x": 1}
    asked |= {"content_type": "pd", "headers": {"a": "b"}, "binary_data_output": True}
    read = request({"inputs": inputs, "parameters": asked, "id": "7"}, signature)
    assert read.parameters == {"n": 5, "predict_method": "predict_proba", "timeout": 9}
    assert read.wanted == Wanted("7", {}, binary=True, method="predict_proba")
    with pytest.raises(BadInput, match="Unknown params: m"):
        request({"inputs": inputs, "parameters": {"m": 1}}, signature)


def test_an_output_may_name_the_method() -> None:
    """As MLServer's scikit-learn server has it."""
    document = {
        "inputs": SAME["one tensor of all"][0],
        "outputs": [{"name": "predict_proba", "parameters": {"binary_data": True}}],
    }
    read = request(document)
    assert read.parameters == {"predict_method": "predict_proba"}
    assert read.wanted == Wanted(None, {"predict_proba": True}, method="predict_proba")
    with pytest.raises(BadInput, match="one method"):
        request(document | {"outputs": [{"name": "predict"}, {"name": "predict_proba"}]})


X = SAME["one tensor of all"][0][0]
WRONG: dict[str, Any] = {
    "nothing": b"",
    "no JSON": b"{",
    "a list": [],
    "no inputs": {},
    "inputs that are empty": {"inputs": []},
    "an unknown key": {"inputs": [X], "output": []},
    "no name": {"inputs": [{"shape": [1], "datatype": "FP64", "data": [1]}]},
    "a name twice": {"inputs": [tensor("a", [1], "FP64", [1]), tensor("a", [1], "FP64", [1])]},
    "a datatype that is none": {"inputs": [X | {"datatype": "FP8"}]},
    "a negative shape": {"inputs": [X | {"shape": [-1, 2]}]},
    "a shape of fractions": {"inputs": [X | {"shape": [2.0, 2]}]},
    "a shape of booleans": {"inputs": [X | {"shape": [True, 2]}]},
    "no shape": {"inputs": [X | {"shape": []}]},
    "a shape of many dimensions": {"inputs": [X | {"shape": [1] * 100}]},
    "a shape beyond all memory": {"inputs": [X | {"shape": [2**62, 2**62]}]},
    "a shape with a zero": {"inputs": [X | {"shape": [0, 2**62], "data": []}]},
    "a shape that lies": {"inputs": [X | {"shape": [2, 3]}]},
    "nested data of another shape": {"inputs": [X | {"data": [[1, 2, 3], [4]]}]},
    "data that is no list": {"inputs": [X | {"data": "1234"}]},
    "no data": {"inputs": [tensor("x", [2, 2], "FP64")]},
    "a missing column": {"inputs": [tensor("a", [1], "FP64", [1])]},
    "too few columns": {"inputs": [tensor("x", [1, 1], "FP64", [1])]},
    "three dimensions": {"inputs": [tensor("x", [1, 1, 2], "FP64", [1, 2])]},
    "columns of several lengths": {"inputs": [tensor("a", [1], "FP64", [1]), tensor("b", [2], "FP64", [1, 2])]},
    "a column of two dimensions": {"inputs": [tensor("a", [1, 2], "FP64", [1, 2]), tensor("b", [1], "FP64", [1])]},
    "a text in a number": {"inputs": [X | {"data": [1, 2, 3, "4"]}]},
    "a boolean in a number": {"inputs": [X | {"data": [1, 2, 3, True]}]},
    "BYTES for a number": {"inputs": [X | {"datatype": "BYTES", "data": ["1", "2", "3", "4"]}]},
    "a fraction in a whole number": {"inputs": [X | {"datatype": "INT8", "data": [1, 2, 3, 4.5]}]},
    "a number beyond its type": {"inputs": [X | {"datatype": "INT8", "data": [1, 2, 3, 128]}]},
    "a number below its type": {"inputs": [X | {"datatype": "UINT64", "data": [1, 2, 3, -1]}]},
    "a number beyond a half": {"inputs": [X | {"datatype": "FP16", "data": [1, 2, 3, 70_000]}]},
    "an id that is no text": {"inputs": [X], "id": 7},
    "parameters that are a list": {"inputs": [X], "parameters": []},
    "outputs that are no list": {"inputs": [X], "outputs": {}},
    "binary_data that is no flag": {"inputs": [X], "outputs": [{"name": "o", "parameters": {"binary_data": 1}}]},
    "the classification extension": {"inputs": [X], "outputs": [{"name": "o", "parameters": {"classification": 3}}]},
    "shared memory": {"inputs": [tensor("x", [2, 2], "FP64", shared_memory_region="r")]},
    "a binary size without a body": {"inputs": [tensor("x", [2, 2], "FP64", binary_data_size=32)]},
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_such_request_is_refused(name: str) -> None:
    """By an error that holds no value."""
    with pytest.raises(BadInput):
        request(WRONG[name])


TWICE = {
    "in the request": b'{"id": "1", "id": "2", "inputs": [%s]}',
    "in parameters": b'{"parameters": {"timeout": 1, "timeout": 2}, "inputs": [%s]}',
    "in an output": b'{"outputs": [{"name": "a", "name": "b"}], "inputs": [%s]}',
    "in an output's parameters": (
        b'{"outputs": [{"name": "a", "parameters": {"binary_data": true, "binary_data": false}}], "inputs": [%s]}'
    ),
    "in an input": b'{"inputs": [{"name": "y", %s]}',
    "in an input's parameters": (
        b'{"inputs": [%s, {"name": "z", "shape": [1], "datatype": "BOOL", "data": [true], '
        b'"parameters": {"x": 1, "x": 2}}]}'
    ),
}


@pytest.mark.parametrize("name", TWICE)
def test_a_key_twice_is_refused(name: str) -> None:
    """Wherever it is: one of the two values would be lost."""
    inner = b'"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]}'
    body = TWICE[name] % (inner if name == "in an input" else b"{" + inner)
    with pytest.raises(BadInput, match="twice"):
        request(body)


def test_a_colon_in_a_text_is_no_key() -> None:
    """Nor is one in a name, or in parameters that are for other servers."""
    document = {
        "id": "a:b",
        "parameters": {"headers": {"x:y": {"deep": ":"}}},
        "inputs": [tensor("s:t", [2], "BYTES", ["12:30", "::"], content_type="str:")],
        "outputs": [{"name": "o:", "parameters": {"binary_data": False}}],
    }
    assert values(document, Signature((Column("s:t", "string"),))) == {"s:t": ["12:30", "::"]}


def test_rows_and_columns_are_counted_before_their_values_are_read() -> None:
    """What is too much costs no more than its parsing; what is left aside may have more."""
    rows = [tensor("a", [3], "FP64", [1, 2, "x"]), tensor("b", [3], "FP64", [1, 2, 3])]
    blob = {"inputs": [tensor("s", [3], "BYTES", binary_data_size=12)]}
    wide = {"inputs": [tensor("x", [1, 10_001], "INT8", binary_data_size=10_001)]}
    many = {"inputs": [tensor(f"x{i}", [1], "INT8", ["x"]) for i in range(10_001)]}
    with pytest.raises(TooLarge, match="more rows than the 2"):
        request({"inputs": rows}, most=2)
    with pytest.raises(TooLarge, match="more rows than the 2"):
        request(blob, Signature((Column("s", "string"),)), b"\xff" * 12, most=2)
    for document in (wide, many):
        with pytest.raises(TooLarge, match="10000 columns"):
            request(document, Signature(), bytes(10_001) if document is wide else b"")
    aside = [tensor("a", [1], "FP64", [1]), tensor("b", [1], "FP64", [2]), tensor("z", [3], "FP64", [1, 2, 3])]
    assert request({"inputs": aside}, most=2).rows.count == 1


LYING: dict[str, tuple[dict[str, Any], bytes]] = {
    "too short": (tensor("x", [2, 2], "FP64", binary_data_size=31), bytes(31)),
    "too long": (tensor("x", [2, 2], "FP64", binary_data_size=40), bytes(40)),
    "shorter than it says": (tensor("x", [2, 2], "FP64", binary_data_size=33), bytes(32)),
    "more than it says": (tensor("x", [2, 2], "FP64", binary_data_size=32), bytes(33)),
    "a negative size": (tensor("x", [2, 2], "FP64", binary_data_size=-1), bytes(32)),
    "a size that is no number": (tensor("x", [2, 2], "FP64", binary_data_size="32"), bytes(32)),
    "both data and size": (tensor("x", [2, 2], "FP64", [1, 2, 3, 4], binary_data_size=32), bytes(32)),
    "a shape beyond all memory": (tensor("x", [2**62, 2], "FP64", binary_data_size=32), bytes(32)),
    "a boolean of 2": (tensor("x", [1, 2], "BOOL", binary_data_size=2), b"\x01\x02"),
    "infinity": (tensor("x", [1, 2], "FP64", binary_data_size=16), np.array([1, np.inf]).tobytes()),
    "a text longer than the tensor": (tensor("x", [1, 2], "BYTES", binary_data_size=8), struct.pack("<II", 4, 0)),
    "a text of four gigabytes": (tensor("x", [1, 2], "BYTES", binary_data_size=8), struct.pack("<II", 0, 2**32 - 1)),
    "fewer texts": (tensor("x", [1, 2], "BYTES", binary_data_size=4), struct.pack("<I", 0)),
    "more texts": (tensor("x", [1, 2], "BYTES", binary_data_size=12), struct.pack("<III", 0, 0, 0)),
    "texts without number": (tensor("x", [2**40, 2], "BYTES", binary_data_size=8), bytes(8)),
    "texts that are no UTF-8": (tensor("x", [1, 2], "BYTES", binary_data_size=9), struct.pack("<IBI", 1, 255, 0)),
}


@pytest.mark.parametrize("name", LYING)
def test_binary_tensors_that_lie_are_refused(name: str) -> None:
    """About their size, their shape, or what is in them."""
    inputs, blob = LYING[name]
    texts = Signature((Column("a", "string"), Column("b", "string")))
    with pytest.raises(BadInput):
        request({"inputs": [inputs]}, texts if inputs["datatype"] == "BYTES" else AB, blob)


@pytest.mark.parametrize("header", ["-1", "1e3", "999999", "0", "x", "٣", "12345678901", "5"])
def test_a_header_length_that_lies_is_refused(header: str) -> None:
    """Beyond the body, in the midst of the JSON, or no number."""
    with pytest.raises(BadInput):
        request({"inputs": [X]}, header=header)


@given(st.data())
def test_whatever_comes_is_read_or_refused(data: st.DataObject) -> None:
    """Any JSON in any place, with any bytes after it."""
    plain = st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    )
    some = st.sampled_from([["data"], ["shape"], ["datatype"], ["parameters"], ["name"], ["data", "shape"]])
    document = X | {key: data.draw(plain) for key in data.draw(some)}
    blob = data.draw(st.binary(max_size=40))
    signature = data.draw(st.sampled_from([AB, Signature(), Signature(tensors=(Tensor("", "float32", (-1, 2)),))]))
    with contextlib.suppress(BadInput):
        assert request({"inputs": [document]}, signature, blob).rows.count > 0
