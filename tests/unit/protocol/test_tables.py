"""Parquet and Arrow: typed columns exactly or not at all, and nothing that a hostile table could do."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from cuelight.kit.errors import BadInput, ModelFault, TooLarge
from cuelight.protocol import media
from cuelight.protocol.decode import decode
from cuelight.protocol.fit import Limits
from cuelight.protocol.rows import Rows
from cuelight.protocol.signature import Column, Parameter, Signature, Tensor
from cuelight.protocol.tables import write
from tests.support.forms import arrow, parquet

STREAM, FILE, PARQUET = media.ARROW_STREAM, media.ARROW_FILE, media.PARQUET
BODIES: dict[str, Callable[[Any], bytes]] = {STREAM: arrow, FILE: partial(arrow, file=True), PARQUET: parquet}
MIB = 1 << 20


def rows(values: Any, type_: str, kind: str = STREAM) -> Rows:
    """One column `x` of an Arrow array, read as a signature's type."""
    return decode(kind, BODIES[kind](pa.table({"x": values})), Signature((Column("x", type_),))).rows


EXACT: dict[str, tuple[Any, str, list[Any]]] = {
    "int32 into long": (pa.array([1, -2], pa.int32()), "long", [1, -2]),
    "int64 into integer that fits": (pa.array([1, -(2**31)]), "integer", [1, -(2**31)]),
    "uint64 into long that fits": (pa.array([2**63 - 1], pa.uint64()), "long", [2**63 - 1]),
    "int64 into double that fits": (pa.array([2**53, -(2**60)]), "double", [2.0**53, -(2.0**60)]),
    "whole doubles into long": (pa.array([3.0, -(2.0**63)]), "long", [3, -(2**63)]),
    "float into double": (pa.array([0.1], pa.float32()), "double", [float(np.float32(0.1))]),
    "half into float": (pa.array([np.float16(0.1)]), "float", [float(np.float16(0.1))]),
    "doubles into float that fit": (pa.array([0.5, 2.0**100]), "float", [0.5, 2.0**100]),
    "nulls in doubles": (pa.array([None, 1.5]), "double", [None, 1.5]),
    "nulls among whole numbers into double": (pa.array([None, 5]), "double", [None, 5.0]),
    "NaN in doubles": (pa.array([float("nan")]), "double", [None]),
    "only nulls into double": (pa.nulls(2), "double", [None, None]),
    "only nulls into string": (pa.nulls(2), "string", [None, None]),
    "only nulls into datetime": (pa.nulls(1), "datetime", [None]),
    "booleans": (pa.array([True, False]), "boolean", [True, False]),
    "texts": (pa.array(["a", None, "ü"]), "string", ["a", None, "ü"]),
    "large texts": (pa.array(["a", None], pa.large_string()), "string", ["a", None]),
    "dictionary of texts": (pa.array(["a", "b", None, "a"]).dictionary_encode(), "string", ["a", "b", None, "a"]),
    "dictionary of doubles": (pa.array([1.5, 1.5, None]).dictionary_encode(), "double", [1.5, 1.5, None]),
    "binary": (pa.array([b"\x00", None]), "binary", [b"\x00", None]),
    "binary of one size": (pa.array([b"ab"], pa.binary(2)), "binary", [b"ab"]),
    "seconds": (pa.array([1, None], pa.timestamp("s")), "datetime", [10**9, None]),
    "nanoseconds with a zone, in UTC": (pa.array([7], pa.timestamp("ns", "Europe/Zurich")), "datetime", [7]),
    "days": (pa.array([1], pa.date32()), "datetime", [86_400 * 10**9]),
}


_NO_DATES = (PARQUET, "only nulls into datetime")  # Parquet's nulls are whole numbers


@pytest.mark.parametrize(("kind", "name"), [each for each in product(BODIES, EXACT) if each != _NO_DATES])
def test_values_that_fit_exactly_are_taken(kind: str, name: str) -> None:
    """Whatever their Arrow type."""
    values, type_, want = EXACT[name]
    column = rows(values, type_, kind).columns["x"]
    if column.dtype.kind == "M":
        assert column.dtype == "M8[ns]"
        assert [None if np.isnat(each) else int(each.astype(np.int64)) for each in column] == want
    else:
        assert [None if each != each else each for each in column.tolist()] == want


@pytest.mark.parametrize("kind", [pa.string_view(), pa.binary_view()])
def test_views_are_taken(kind: Any) -> None:
    """As some libraries write texts."""
    values = ["short", "longer than twelve bytes", None]
    column = rows(pa.array(values, pa.string()).cast(kind), "string" if kind == pa.string_view() else "binary")
    texts = [each.decode() if isinstance(each, bytes) else each for each in column.columns["x"].tolist()]
    assert texts == values


INEXACT: dict[str, tuple[Any, str, str]] = {
    "a fraction into long": (pa.array([1.0, 3.7]), "long", "row 1"),
    "2^40 into integer": (pa.array([2**40]), "integer", "row 0"),
    "2^63 into long": (pa.array([0, 2**63], pa.uint64()), "long", "row 1"),
    "2.0^63 into long": (pa.array([2.0**63]), "long", "row 0"),
    "2^53 + 1 into double": (pa.array([2**53 + 1]), "double", "row 0"),
    "the largest whole number into double": (pa.array([2**64 - 1], pa.uint64()), "double", "row 0"),
    "2^24 + 1 into float": (pa.array([2**24 + 1]), "float", "row 0"),
    "0.1 into float": (pa.array([0.5, 0.1]), "float", "row 1"),
    "1e300 into float": (pa.array([1e300]), "float", "row 0"),
    "infinity": (pa.array([1.0, float("-inf")]), "double", "row 1"),
    "a null in a whole number": (pa.array([1, None]), "long", "row 1"),
    "NaN in a whole number": (pa.array([1.0, float("nan")]), "long", "row 1"),
    "a null in a boolean": (pa.array([None, True]), "boolean", "row 0"),
    "a number in a boolean": (pa.array([1]), "boolean", "true or false"),
    "a boolean in a number": (pa.array([True]), "double", "a number"),
    "a text in a number": (pa.array(["5.1"]), "double", "a number"),
    "a number in a text": (pa.array([5]), "string", "a string"),
    "a text in a datetime": (pa.array(["2026-01-01"]), "datetime", "a date or time"),
    "a moment in a number": (pa.array([1], pa.timestamp("s")), "long", "a whole number"),
    "bytes in a text": (pa.array([b"a"]), "string", "row 0"),
    "a moment beyond nanoseconds": (pa.array([2**40], pa.timestamp("s")), "datetime", "row 0"),
    "a list in a number": (pa.array([[1.0, 2.0]]), "double", "a number|not a list"),
    "a list of one size in a number": (pa.array([[1.0, 2.0]], pa.list_(pa.float64(), 2)), "double", "not a list"),
    "a struct": (pa.array([{"a": 1}]), "double", "type that is not taken"),
    "a decimal": (pa.array([1], pa.decimal128(5)), "double", "type that is not taken"),
    "a duration": (pa.array([1], pa.duration("s")), "long", "type that is not taken|whole number"),
    "a map": (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), "string", "type that is not taken"),
}


@pytest.mark.parametrize("name", INEXACT)
def test_values_that_do_not_fit_are_refused_by_column_and_row(name: str) -> None:
    """Never rounded, wrapped or parsed; the message has no value in it."""
    values, type_, where = INEXACT[name]
    with pytest.raises(BadInput, match=where) as caught:
        rows(values, type_)
    assert "`x`" in str(caught.value)
    for value in ("3.7", "5.1", str(2**40), "1e300"):
        assert value not in str(caught.value)


@pytest.mark.parametrize("kind", BODIES)
def test_columns_go_by_name_and_others_are_left_aside(kind: str) -> None:
    """Also one of a type that could not be read."""
    table = pa.table({"more": [{"a": 1}], "b": [2.0], "a": [1]})
    read = decode(kind, BODIES[kind](table), Signature((Column("a", "long"), Column("b", "double")))).rows
    assert {name: values.tolist() for name, values in read.columns.items()} == {"a": [1], "b": [2.0]}
    assert list(read.columns) == ["a", "b"]


@pytest.mark.parametrize("kind", BODIES)
def test_params_are_json_in_the_schema(kind: str) -> None:
    """Under `params` in its metadata; checked as those in a JSON body."""
    signature = Signature((Column("a", "double"),), parameters=(Parameter("n", "integer", 1),))

    def read(params: bytes) -> Any:
        table = pa.table({"a": [1.0]}).replace_schema_metadata({"params": params})
        return decode(kind, BODIES[kind](table), signature).parameters

    assert read(b'{"n": 3, "predict_method": "predict"}') == {"n": 3, "predict_method": "predict"}
    for wrong in (b'{"n": "3"}', b'{"m": 3}', b"[1]", b"{"):
        with pytest.raises(BadInput, match="params"):
            read(wrong)


def test_several_batches_are_one_table() -> None:
    """With a dictionary of its own each."""
    parts = [pa.table({"x": pa.array(values).dictionary_encode()}) for values in (["a", "b"], ["c", "a"])]
    read = rows(pa.concat_tables(parts).column("x"), "string")
    assert read.columns["x"].tolist() == ["a", "b", "c", "a"]


def test_numbers_are_not_copied() -> None:
    """A batch's doubles are a view of the request's body."""
    assert not rows(pa.array([1.0, 2.0]), "double").columns["x"].flags.owndata


TENSORS = {
    "columns side by side": ({"p": [1, 2], "q": [0.5, 1.5]}, [[1.0, 0.5], [2.0, 1.5]]),
    "one column of lists": (
        {"p": pa.array([[1.0, 0.5], [2.0, 1.5]], pa.list_(pa.float64(), 2))},
        [[1.0, 0.5], [2.0, 1.5]],
    ),
    "one of lists of any length": ({"p": [[1.0, 0.5], [2.0, 1.5]]}, [[1.0, 0.5], [2.0, 1.5]]),
}


@pytest.mark.parametrize("name", TENSORS)
def test_a_model_of_one_tensor_takes_columns_or_lists(name: str) -> None:
    """Columns as they stand, or one column with a list a row."""
    columns, want = TENSORS[name]
    read = decode(STREAM, arrow(pa.table(columns)), Signature(tensors=(Tensor("", "float64", (-1, 2)),))).rows
    assert read.columns[""].tolist() == want
    assert read.columns[""].dtype == np.float64


def test_named_tensors_go_by_name() -> None:
    """A fixed-shape tensor column keeps its shape."""
    images = pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(8, dtype=np.float32).reshape(2, 2, 2))
    signature = Signature(tensors=(Tensor("i", "float32", (-1, 2, 2)), Tensor("n", "int64", (-1,))))
    read = decode(STREAM, arrow(pa.table({"n": [1, 2], "i": images})), signature).rows
    assert read.columns["i"].shape == (2, 2, 2)
    with pytest.raises(BadInput, match=r"shape \(2,\)"):
        decode(STREAM, arrow(pa.table({"n": [1, 2], "i": [1.0, 2.0]})), signature)


def test_a_model_without_signature_takes_the_columns_as_they_are() -> None:
    """Numbers as numbers, texts as texts, nulls where they may be."""
    table = pa.table({"a": pa.array([1, 2], pa.int8()), "s": ["x", None], "b": [True, None], "l": [[1], [2, 3]]})
    read = decode(STREAM, arrow(table), Signature()).rows.columns
    assert {name: values.tolist() for name, values in read.items()} == table.to_pydict()


def test_rows_and_size_are_limited_before_a_value_is_read() -> None:
    """By rows in all forms; by what compressed values become."""
    zeros = pa.table({"x": np.zeros(200_000)})
    signature = Signature((Column("x", "double"),))
    for kind, body in BODIES.items():
        with pytest.raises(TooLarge, match=r"serving\.max_rows"):
            decode(kind, body(zeros), signature, Limits(rows=199_999))
        assert decode(kind, body(zeros), signature, Limits(rows=200_000, size=4 * MIB)).rows.count == 200_000
    for kind, packed in {
        STREAM: arrow(zeros, compression="zstd"),
        FILE: arrow(zeros, file=True, compression="lz4"),
        PARQUET: parquet(zeros, compression="zstd", use_dictionary=False),
    }.items():
        assert len(packed) < 20_000
        with pytest.raises(TooLarge, match=r"serving\.max_expanded_bytes"):
            decode(kind, packed, signature, Limits(rows=200_000, size=MIB))


def _repeated(kind: str) -> bytes:
    """A text of 100 kB in each of 1,000 rows, written once."""
    text, count = "x" * 100_000, 1000
    if kind == "views":
        view = np.array([len(text), int.from_bytes(b"xxxx", "little"), 0, 0], np.int32)
        buffers = [None, pa.py_buffer(np.tile(view, count)), pa.py_buffer(text.encode())]
        return arrow(pa.table({"x": pa.Array.from_buffers(pa.string_view(), count, buffers)}))
    array = pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int8()), [text])
    return arrow(pa.table({"x": array})) if kind == "dictionary" else parquet(pa.table({"x": array}))


@pytest.mark.parametrize("kind", ["views", "dictionary", "Parquet"])
def test_a_text_that_repeats_is_not_multiplied(kind: str) -> None:
    """100 MB that are one text: refused by the limit; within it, all rows share the one."""
    body, signature = _repeated(kind), Signature((Column("x", "string"),))
    assert len(body) < 200_000
    media_type = PARQUET if kind == "Parquet" else STREAM
    with pytest.raises(TooLarge, match=r"serving\.max_expanded_bytes"):
        decode(media_type, body, signature, Limits(size=4 * MIB))
    if kind != "views":
        values = decode(media_type, body, signature, Limits(size=128 * MIB)).rows.columns["x"].tolist()
        assert values[0] is values[999]


def test_empty_lists_are_not_multiplied() -> None:
    """Lists of nothing cost no bytes: a body of nothing could have two thousand million of them."""
    nothing = pa.ListArray.from_arrays(pa.array([0, 2**31 - 1], pa.int32()), pa.nulls(2**31 - 1))
    with pytest.raises(BadInput, match="type that is not taken"):
        decode(STREAM, arrow(pa.table({"x": nothing})), Signature())
    flags = pa.ListArray.from_arrays(pa.array([0, MIB], pa.int32()), pa.array(np.zeros(MIB, bool)))
    with pytest.raises(TooLarge):
        decode(STREAM, arrow(pa.table({"x": flags})), Signature(), Limits(size=MIB))


def test_an_encoding_that_hides_its_size_is_refused() -> None:
    """DELTA_BYTE_ARRAY writes texts as what differs from the one before."""
    table = pa.table({"x": ["x" * 1000 + str(i) for i in range(100)]})
    body = parquet(table, use_dictionary=False, column_encoding={"x": "DELTA_BYTE_ARRAY"})
    with pytest.raises(BadInput, match="DELTA_BYTE_ARRAY"):
        decode(PARQUET, body, Signature((Column("x", "string"),)))


def _with_footer(footer: bytes) -> bytes:
    """A Parquet file that has nothing but a footer, in Thrift's compact protocol."""
    return b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"


# A struct's first field is a list (0x19) of doubles (7), which take none of these bytes: 2^41 are claimed.
_ENDLESS = _with_footer(b"\x19\xf7" + b"\x80" * 5 + b"\x40" + b"\0")
# Lists of one list, a thousand deep.
_DEEP = _with_footer(b"\x19" * 1000)


@pytest.mark.parametrize("body", [_ENDLESS, _DEEP], ids=["endless", "deep"])
def test_a_footer_that_would_never_be_read_is_refused(body: bytes) -> None:
    """Before the time, or the stack, is used up."""
    with pytest.raises(BadInput):
        decode(PARQUET, body, Signature())


WRONG: dict[str, tuple[str, bytes]] = {
    "no Parquet": (PARQUET, b"PAR1 nothing of the kind PAR1"),
    "Parquet cut short": (PARQUET, parquet(pa.table({"a": [1.0] * 100}))[:-20]),
    "Parquet without its begin": (PARQUET, parquet(pa.table({"a": [1.0] * 100}))[20:]),
    "one byte as Parquet": (PARQUET, b"P"),
    "no Arrow": (STREAM, b'{"instances": [[1]]}'),
    "an Arrow stream cut short": (STREAM, arrow(pa.table({"a": [1.0] * 100}))[:-100]),
    "an Arrow file as a stream": (STREAM, arrow(pa.table({"a": [1.0]}), file=True)),
    "a stream as an Arrow file": (FILE, arrow(pa.table({"a": [1.0]}))),
    "an Arrow file cut short": (FILE, arrow(pa.table({"a": [1.0]}), file=True)[:-3]),
    "a column twice": (STREAM, arrow(pa.Table.from_arrays([pa.array([1.0]), pa.array([2.0])], names=["a", "a"]))),
    "no rows": (STREAM, arrow(pa.table({"a": pa.array([], pa.float64())}))),
    "no batch": (STREAM, arrow(pa.table({"a": pa.chunked_array([], pa.float64())}))),
    "a column missing": (STREAM, arrow(pa.table({"b": [1.0]}))),
    "ten thousand other columns": (STREAM, arrow(pa.table({f"c{i}": [1.0] for i in range(10_000)}))),
    "ten thousand other columns in Parquet": (PARQUET, parquet(pa.table({f"c{i}": [1.0] for i in range(10_000)}))),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_table_of_the_model_is_refused(name: str) -> None:
    """By one error that says what to send."""
    kind, body = WRONG[name]
    with pytest.raises(BadInput):
        decode(kind, body, Signature((Column("a", "double"),)))


@pytest.mark.parametrize("kind", BODIES)
def test_damaged_tables_are_read_or_refused(kind: str) -> None:
    """Altered bytes, seeded: never another error than ours, and never the end of the process."""
    table = pa.table(
        {
            "a": [1.0, None, 3.0],
            "s": ["x", "a longer text than that", None],
            "d": pa.array(["u", "v", "u"]).dictionary_encode(),
            "l": [[1, 2], [], None],
        }
    )
    body, chance, outcomes = BODIES[kind](table), random.Random(7), set()
    for _ in range(400):
        damaged = bytearray(body)
        for _ in range(chance.choice((1, 2, 8))):
            damaged[chance.randrange(len(body))] = chance.choice((0, 127, 128, 255, chance.randrange(256)))
        try:
            decode(kind, bytes(damaged[: chance.choice((len(body), chance.randrange(len(body))))]), Signature())
            outcomes.add("read")
        except BadInput:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_a_models_answer_as_a_table() -> None:
    """One column `predictions`, or those that the model names; what has no type there is the model's fault."""

    def columns(answer: Any) -> Any:
        return pa.ipc.open_stream(write(answer)).read_all().to_pydict()

    assert columns(np.array([1.5, 2.5])) == {"predictions": [1.5, 2.5]}
    assert columns(np.array([[0.25, 0.75]])) == {"predictions": [[0.25, 0.75]]}
    assert columns([{"u": 1, "v": "a"}]) == {"u": [1], "v": ["a"]}
    with pytest.raises(ModelFault, match="Ask for JSON"):
        write([{"u": 1}, {"u": "text"}])
    assert columns({"u": [1, 2]}) == {"u": [1, 2]}
