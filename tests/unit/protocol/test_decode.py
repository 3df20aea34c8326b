from __future__ import annotations

import json
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuelight.kit.errors import BadInput, TooLarge, WrongMediaType
from cuelight.protocol.decode import FORMS, ScoringRequest, decode
from cuelight.protocol.decoder import Decoder
from cuelight.protocol.fit import Limits
from cuelight.protocol.signature import Column, Parameter, Signature, Tensor

JSON, CSV = "application/json", "text/csv"
MIXED = Signature(
    columns=(
        Column("n", "double"),
        Column("k", "long"),
        Column("s", "string"),
        Column("b", "boolean"),
        Column("t", "datetime"),
        Column("o", "double", required=False),
    )
)
AB = Signature(columns=(Column("a", "double"), Column("b", "double")))
MATRIX = Signature(tensors=(Tensor("", "float64", (-1, 2)),))
NAMED = Signature(tensors=(Tensor("x", "float64", (-1, 2)), Tensor("y", "int64", (-1,))))
NONE = Signature()
ALL = (MIXED, AB, MATRIX, NAMED, NONE)


def _lists(body: Any, signature: Signature, kind: str = JSON) -> dict[str, list[Any]]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    rows = decode(kind, content, signature).rows
    return {name: values.tolist() for name, values in rows.columns.items()}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (JSON, {"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [3, 4]]}}),
        (JSON, {"dataframe_split": {"columns": ["b", "a"], "index": [7, 8], "data": [[2, 1], [4, 3]]}}),
        (JSON, {"dataframe_records": [{"b": 2, "a": 1}, {"a": 3, "b": 4}]}),
        (JSON, {"instances": [[1, 2], [3, 4]]}),
        (JSON, {"instances": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]}),
        (JSON, {"inputs": [[1, 2], [3, 4]]}),
        (JSON, {"inputs": {"a": [1, 3], "b": [2, 4], "extra": ["x", None]}}),
        (CSV, b"a,b\n1,2\n3,4\n"),
        (CSV, b'\xef\xbb\xbf"b","a"\r\n 2,1.0 \r\n4,3e0'),
        ("TEXT/CSV; charset=UTF-8", b"a,b\n\n1,2\n3,4\n"),
    ],
)
def test_every_form_gives_the_same_columns(kind: str, body: Any) -> None:
    """Order of columns, extra columns, index, blank lines and a byte-order mark make no difference."""
    assert _lists(body, AB, kind) == {"a": [1.0, 3.0], "b": [2.0, 4.0]}


def test_columns_come_in_their_types_and_in_the_order_of_the_signature() -> None:
    """JSON and CSV of the same rows give the same columns; one that need not be there may be missing."""
    record = {"t": "2026-01-01T01:00:00+01:00", "b": True, "s": "5", "k": 3.0, "n": 1}
    rows = decode(JSON, json.dumps({"dataframe_records": [record]}).encode(), MIXED).rows
    assert list(rows.columns) == ["n", "k", "s", "b", "t"]
    assert [each.dtype.kind for each in rows.columns.values()] == ["f", "i", "O", "b", "M"]
    assert rows.columns["t"][0] == np.datetime64("2026-01-01")
    text = b"t,b,s,k,n\n2026-01-01T01:00:00+01:00,true,5,3,1\n"
    other = decode(CSV, text, MIXED).rows
    for name, values in rows.columns.items():
        assert other.columns[name].tolist() == values.tolist()


@pytest.mark.parametrize(
    "value", ["3.7", "1_000", "٣", "0x10", "nan", "inf", "true", "1,5", "1 2", "--1", "0" * 5000 + "1"]
)
def test_csv_takes_numbers_as_people_write_them_and_nothing_else(value: str) -> None:
    """What only Python reads as a number, or what has a fraction, is not a whole number."""
    with pytest.raises(BadInput):
        decode(CSV, f'k\n"{value}"\n'.encode(), Signature((Column("k", "long"),)))


def test_empty_cells_of_csv_are_null() -> None:
    """An empty cell is NaN in a double column, null in a string column, and refused in a whole-number column."""
    assert _lists(b"a,s\n,\n", Signature((Column("s", "string"),)), CSV) == {"s": [None]}
    assert np.isnan(_lists(b"a,b\n,1\n", AB, CSV)["a"][0])
    with pytest.raises(BadInput, match="null"):
        decode(CSV, b"k,x\n,1\n", Signature((Column("k", "long"),)))


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"instances": [[1, 2], [3, 4]]}, [[1.0, 2.0], [3.0, 4.0]]),
        ({"inputs": [[1, 2]]}, [[1.0, 2.0]]),
        ({"dataframe_split": {"data": [[1, 2]]}}, [[1.0, 2.0]]),
        ({"dataframe_records": [{"p": 1, "q": 2}]}, [[1.0, 2.0]]),
    ],
)
def test_an_unnamed_tensor_takes_lists_and_tables(body: Any, wanted: Any) -> None:
    """A model of one array is scored by lists of rows, and by tables whose columns stand in its order."""
    assert _lists(body, MATRIX) == {"": wanted}


def test_named_tensors_are_given_by_name() -> None:
    """Each input by its name, all with the same number of rows."""
    assert _lists({"inputs": {"x": [[1, 2]], "y": [3]}}, NAMED) == {"x": [[1.0, 2.0]], "y": [3]}
    assert _lists({"instances": [{"x": [1, 2], "y": 3}, {"x": [4, 5], "y": 6}]}, NAMED)["y"] == [3, 6]
    for wrong in ([[1, 2]], {"x": [[1, 2]]}, {"x": [[1, 2]], "y": [3, 4]}, {"x": [[1, 2]], "y": 3}):
        with pytest.raises(BadInput):
            decode(JSON, json.dumps({"inputs": wrong}).encode(), NAMED)


def test_without_a_signature_types_are_those_of_the_values() -> None:
    """Numbers, booleans and the rest; whole numbers with a null among them are floats; names are kept or counted."""
    body = {"inputs": {"i": [1, 2], "f": [1, 2.5], "m": [1, None], "b": [True, False], "s": ["x", 1]}}
    rows = decode(JSON, json.dumps(body).encode(), NONE).rows
    assert [each.dtype.kind for each in rows.columns.values()] == ["i", "f", "f", "b", "O"]
    assert _lists({"instances": [[1, "x"], [2, "y"]]}, NONE) == {"0": [1, 2], "1": ["x", "y"]}
    assert _lists({"instances": [[[1, 2]], [[3, 4]]]}, NONE) == {"0": [[1, 2], [3, 4]]}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "body is empty"),
        (b"  \n", "body is empty"),
        (b"[1]", "JSON object"),
        (b"{", "not valid JSON"),
        (b'{"instances": [[NaN, 1]]}', "NaN and Infinity are not JSON"),
        (b'{"instances": [[1e999, 1]]}', "not valid JSON"),
        (b'{"instances": "\xff"}', "not valid JSON"),
        (b'{"instances": ["\\ud800"]}', "not valid JSON"),
        (b'{"instances": ' + b"[" * 100_000, "not valid JSON"),
        ({"x": 1}, "exactly one of"),
        ({"instances": [[1, 2]], "inputs": [[1, 2]]}, "exactly one of"),
        ({"instances": [[1, 2]], "more": 1}, "nothing else"),
        ({"instances": 5}, "must be a list"),
        ({"instances": []}, "no rows"),
        ({"instances": [[1]]}, "Row 0 has 1 values for 2 columns"),
        ({"instances": [[1, 2], [1]]}, "Row 1 has 1"),
        ({"instances": [{"a": 1}, 5]}, "Row 0 has 1"),
        ({"inputs": {}}, "no rows"),
        ({"inputs": {"a": [1], "b": [1, 2]}}, "same length"),
        ({"inputs": {"a": [1], "b": 1}}, "same length"),
        ({"inputs": {"a": [1]}}, "Missing columns: b. The model needs a, b"),
        ({"dataframe_split": []}, "dataframe_split needs"),
        ({"dataframe_split": {"columns": ["a"]}}, "dataframe_split needs"),
        ({"dataframe_split": {"columns": "ab", "data": [[1, 2]]}}, "list of names"),
        ({"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}}, "there twice"),
        ({"dataframe_split": {"columns": ["a", "b"], "data": [5]}}, "must be a list"),
        ({"dataframe_split": {"columns": [], "data": [[], []]}}, "no rows"),
        ({"dataframe_records": {"a": 1}}, "list of objects"),
        ({"dataframe_records": [{"a": 1, "b": 2}, {"a": 1}]}, "Row 1 has no `b`"),
        ({"instances": [[1, 2]], "params": 5}, "params must be an object"),
        ({"instances": [[1, 2]], "params": {"x": 1}}, "Unknown params: x. Known: predict_method"),
    ],
)
def test_a_body_that_is_wrong_is_explained(body: Any, says: str) -> None:
    """Each mistake has a message of its own that says where it is."""
    with pytest.raises(BadInput, match=says.replace("[", r"\[")):
        decode(JSON, body if isinstance(body, bytes) else json.dumps(body).encode(), AB)


@pytest.mark.parametrize(
    "body", [b"a,b\n", b"a,b\n1\n", b"a,b\n1,2,3\n", b'a,b\n"1,2\n', b"a,a\n1,2\n", b"\xff,b\n1,2"]
)
def test_csv_that_is_wrong_is_refused(body: bytes) -> None:
    """No rows, cells too few or too many, an open quote, a name twice, not UTF-8."""
    with pytest.raises(BadInput):
        decode(CSV, body, AB)


@pytest.mark.parametrize("kind", ["", "text/plain", "application/jsonp", "text/csv; charset=latin-1", "json"])
def test_other_media_types_are_refused(kind: str) -> None:
    """Only JSON and CSV are understood, and only in UTF-8."""
    with pytest.raises(WrongMediaType):
        decode(kind, b'{"instances": [[1, 2]]}', AB)


def test_too_many_rows_are_refused_by_their_number() -> None:
    """A request at the limit is taken, one row more is not."""
    body = json.dumps({"instances": [[1, 2]] * 3}).encode()
    assert decode(JSON, body, AB, Limits(rows=3)).rows.count == 3
    with pytest.raises(TooLarge, match="more rows than the 2"):
        decode(JSON, body, AB, Limits(rows=2))


@pytest.mark.parametrize(
    ("kind", "body", "signature"),
    [
        (JSON, b'{"instances": [[1, 2], [1, 2], [1, "x"]]}', AB),
        (JSON, b'{"inputs": [[1, 2], [1, 2], [1, "x"]]}', MATRIX),
        (JSON, b'{"inputs": {"a": [1, 2, 3], "b": [1, 2, "x"]}}', AB),
        (JSON, b'{"inputs": {"x": [[1, 2], [1, 2], [1, "x"]], "y": [1, 2, 3]}}', NAMED),
        (JSON, b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [1, 2], [1, "x"]]}}', AB),
        (JSON, b'{"dataframe_records": [{"a": 1}, {"b": 2}, {}]}', AB),
        (JSON, b'{"inputs": {"t": ["2026-01-01", "2026-01-01", "x"]}}', Signature((Column("t", "datetime"),))),
        (CSV, b'a,b\n1,2\n1,2\n1,2\n"never closed', AB),
    ],
)
def test_rows_are_counted_before_their_values_are_read(kind: str, body: bytes, signature: Signature) -> None:
    """What is too much costs no more than its parsing, whatever is in it; and so by a version's own decoder."""
    for read in (Decoder(signature).decode, partial(_plainly, signature)):
        with pytest.raises(TooLarge, match="more rows than the 2"):
            read(kind, body, Limits(2))
        with pytest.raises(BadInput) as refused:
            read(kind, body, Limits(3))
        assert not isinstance(refused.value, TooLarge)


def _plainly(signature: Signature, kind: str, body: bytes, limits: Limits) -> ScoringRequest:
    return decode(kind, body, signature, limits)


def test_a_lone_row_of_a_tensor_is_no_number_of_rows() -> None:
    """It may come without its brackets; what it holds may be more than the rows that are allowed."""
    wide = Signature(tensors=(Tensor("", "float64", (-1, 5)),))
    for signature in (wide, Signature(tensors=(Tensor("", "float64", (-1, -1)),))):
        assert decode(JSON, b'{"params": {}, "inputs": [1, 2, 3, 4, 5]}', signature, Limits(rows=2)).rows.count == 1


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (JSON, json.dumps({"inputs": {f"c{i}": [1] for i in range(10_001)}}).encode()),
        (JSON, json.dumps({"instances": [[1] * 10_001]}).encode()),
        (CSV, (",".join(f"c{i}" for i in range(10_001)) + "\n1" + 10_000 * ",1").encode()),
    ],
)
def test_columns_that_no_signature_asks_for_are_limited(kind: str, body: bytes) -> None:
    """Each costs as much as many values; with a signature, others are left aside."""
    with pytest.raises(TooLarge, match="10000 columns"):
        decode(kind, body, NONE)


def test_a_long_name_is_cut_in_a_message() -> None:
    """Without a signature it is the caller's own."""
    with pytest.raises(BadInput) as refused:
        decode(JSON, json.dumps({"inputs": {"n" * 10_000: [2**64 - 1]}}).encode(), NONE)
    assert len(str(refused.value)) < 200


def test_a_model_whose_columns_are_all_optional_needs_one_of_them() -> None:
    """Rows of strange columns alone are not rows of nothing."""
    with pytest.raises(BadInput, match="None of the model's columns"):
        decode(JSON, b'{"inputs": {"x": [1, 2]}}', Signature((Column("a", "double", required=False),)))


PARAMETERS = Signature(
    columns=AB.columns,
    parameters=(
        Parameter("warmth", "double", 0.5),
        Parameter("top", "long", 1),
        Parameter("stops", "string", [], True),
    ),
)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (None, {}),
        ({}, {}),
        ({"warmth": 1, "top": 3.0}, {"warmth": 1.0, "top": 3}),
        ({"stops": ["a", "b"]}, {"stops": ["a", "b"]}),
        ({"predict_method": "predict_proba"}, {"predict_method": "predict_proba"}),
    ],
)
def test_params_come_in_their_types(given: Any, wanted: Any) -> None:
    """Values are of the signature's types; what is not given is left to the model's default."""
    body = json.dumps({"instances": [[1, 2]], "params": given}).encode()
    assert decode(JSON, body, PARAMETERS).parameters == wanted


@pytest.mark.parametrize(
    "given",
    [{"top": 1.5}, {"top": "1"}, {"warmth": True}, {"warmth": None}, {"stops": "a"}, {"top": [1]}, {"stops": [1]}],
)
def test_params_of_another_type_are_refused(given: Any) -> None:
    """A parameter is held against the signature as strictly as a column."""
    with pytest.raises(BadInput, match=f"`{next(iter(given))}`"):
        decode(JSON, json.dumps({"instances": [[1, 2]], "params": given}).encode(), PARAMETERS)


def test_many_unknown_params_make_a_short_message() -> None:
    """A caller can't have its own body sent back."""
    body = json.dumps({"instances": [[1, 2]], "params": {f"{i}" * 1000: 1 for i in range(1000)}}).encode()
    with pytest.raises(BadInput) as caught:
        decode(JSON, body, AB)
    assert len(str(caught.value)) < 2000


def _outcome(kind: str, body: bytes, signature: Signature) -> str:
    """The message of the refusal, empty if there was none; anything but our errors goes up."""
    try:
        request = decode(kind, body, signature)
    except (BadInput, TooLarge, WrongMediaType) as error:
        return str(error)
    assert isinstance(request, ScoringRequest)
    assert all(len(values) == request.rows.count > 0 for values in request.rows.columns.values())
    return ""


@given(st.binary(max_size=200), st.sampled_from([JSON, CSV, "x"]), st.sampled_from(ALL))
def test_any_bytes_are_a_request_or_refused(body: bytes, kind: str, signature: Signature) -> None:
    """No body makes decoding fail in a way that is not foreseen."""
    _outcome(kind, body, signature)


_MARK = "Zq9"
_VALUE = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
_MARKED = st.just(_MARK) | _VALUE
_CELL = _MARKED | st.lists(_MARKED, max_size=3)
_NAMES = st.sampled_from(["a", "b", "n", "k", "s", "t", "x", "y", "0"])
_ROWS = st.lists(st.lists(_CELL, max_size=3), max_size=3)
_CONTENT = (
    _ROWS
    | st.lists(st.dictionaries(_NAMES, _CELL, max_size=6), max_size=3)
    | st.dictionaries(_NAMES, st.lists(_CELL, max_size=3) | _CELL, max_size=6)
    | st.fixed_dictionaries({"columns": st.lists(_NAMES, max_size=3), "data": _ROWS})
    | _CELL
)
_BODY = st.dictionaries(st.sampled_from([*FORMS, "params"]), _CONTENT, min_size=1, max_size=2)


@settings(max_examples=300)
@given(_BODY, st.sampled_from([*ALL, PARAMETERS]))
def test_any_document_is_a_request_or_refused_without_its_values(body: Any, signature: Signature) -> None:
    """Bodies of the protocol's shape, filled at random: rows or a refusal, and no value comes back in the message."""
    assert _MARK not in _outcome(JSON, json.dumps(body).encode(), signature)


@given(st.lists(st.lists(st.just(_MARK) | st.text(max_size=4), max_size=3), max_size=4), st.sampled_from(ALL))
def test_any_table_as_csv_is_a_request_or_refused_without_its_values(
    table: list[list[str]], signature: Signature
) -> None:
    """Lines of any cells under a good header: rows or a refusal, and no value comes back in the message."""
    lines = ["a,b", *(",".join(each) for each in table)]
    assert _MARK not in _outcome(CSV, "\n".join(lines).encode("utf-8", "replace"), signature)


ENTRIES = Signature(columns=(Column("0", "map"),), entries=True)


@pytest.mark.parametrize("form", ["inputs", "instances", "dataframe_records"])
def test_a_model_with_type_hints_takes_a_list_as_it_is(form: str) -> None:
    """Objects of different keys, texts, numbers: what an entry must be, the hints say."""
    values = [{"a": 1.0}, {"a": 1.0, "b": [1, 2]}, "text", 5, None]
    rows = decode(JSON, json.dumps({form: values}).encode(), ENTRIES).rows
    assert (rows.count, rows.columns[""].tolist()) == (5, values)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (JSON, b'{"inputs": []}'),
        (JSON, b'{"inputs": {"a": [1]}}'),
        (JSON, b'{"dataframe_split": {"columns": ["a"], "data": [[1]]}}'),
        ("text/csv", b"a\n1\n"),
    ],
)
def test_a_model_with_type_hints_takes_nothing_but_a_list(kind: str, body: bytes) -> None:
    """A table has no entries; the message says what to send."""
    with pytest.raises(BadInput, match="one entry a row"):
        decode(kind, body, ENTRIES)


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": [[1, 2]], "instances": [[3, 4]]}',
        b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]], "data": [[3, 4]]}}',
        b'{"dataframe_records": [{"a": 1, "b": 2}, {"a": 1, "b": 2, "a": 3}]}',
        b'{"inputs": {"a": [1], "b": [2], "c": [{"d": 1, "d": 2}]}}',
        b'{"inputs": {"a": [1], "b": [2], "\\u0061": [3]}}',
        b'{"instances": [[1, 2]], "params": {"predict_method": "predict", "predict_method": "transform"}}',
    ],
)
def test_a_key_that_is_there_twice_is_refused(body: bytes) -> None:
    """In the document, its form, a record, deep inside or written in another way: which one was meant is unknown."""
    with pytest.raises(BadInput, match="twice"):
        decode(JSON, body, AB)


def test_colons_in_strings_are_no_keys() -> None:
    """Strings with colons, written as such or escaped, and nested objects with different keys are all right."""
    body = b'{"inputs": {"a": [1], "b": [2], "x:y": ["\\u003a:", {"d:": {"d": "{\\"d\\":1}"}}]}}'
    with pytest.raises(BadInput, match="same length"):
        decode(JSON, body, AB)
    assert _lists(body.replace(b', {"d:": {"d": "{\\"d\\":1}"}}', b""), AB) == {"a": [1.0], "b": [2.0]}
