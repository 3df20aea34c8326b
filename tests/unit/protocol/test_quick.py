from __future__ import annotations

import contextlib
import json
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cuelight.kit.errors import BadInput, CuelightError, TooLarge
from cuelight.protocol import quick
from cuelight.protocol.decode import ScoringRequest, decode
from cuelight.protocol.decoder import Decoder
from cuelight.protocol.fit import Limits
from cuelight.protocol.rows import Rows
from cuelight.protocol.signature import SCALARS, Column, Parameter, Signature, Tensor

JSON = "application/json"
AB = Signature((Column("a", "double"), Column("b", "double")))
ALL = Signature(tuple(Column(kind[:2], kind) for kind in SCALARS), parameters=(Parameter("p", "double", 1.0),))
SOME = Signature((Column("a:b", "double"), Column("o", "string", required=False), Column("ü", "long", required=False)))
SINGLES = Signature((Column("f", "float"), Column("g", "float")))
LONE = Signature(tensors=(Tensor("", "float64", (-1, 2)),))
NAMED = Signature(tensors=(Tensor("x", "float32", (-1, 2)), Tensor("y", "int8", (-1,))))
CUBE = Signature(tensors=(Tensor("c", "uint8", (-1, 2, 2)),))
SIGNATURES = (AB, ALL, SOME, SINGLES, LONE, NAMED, CUBE)
READERS = {id(each): quick.reader(each) for each in SIGNATURES}

NUMBERS = (
    *("0", "1", "-1", "-0", "-0.0", "3.0", "3.7", "0.1", "1e2", "1E-2", "5e-324", "2.2250738585072011e-308", "1e-999"),
    *("127", "128", "255", "256", "16777215", "16777216", "16777217", "2147483647", "2147483648", "-2147483649"),
    *("9007199254740991", "9007199254740992", "9007199254740993", "123456789012345678901234567890"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809"),
    *("18446744073709551615", "18446744073709551616", "1e22", "1e38", "1e39", "1e308", "1e309", "1e999"),
    *("1.", ".5", "01", "+1", "NaN", "Infinity"),
)
TEXTS = (
    *('""', '"1"', '"a:b"', '"x"', '"\\u003a"', '"\\ud800"', '"\\ud83d\\ude00"', '"ü"', '"aGk="', '"aGk"'),
    *('"2026-01-01"', '"2026-01-01T10:00:00Z"', '"9999-01-01"', '"2026-01-01T10:00:00.1234567"'),
    *('"\\""', '"\\x"', '"a\tb"'),
)
SURE = {
    "double": ("0", "1.5", "-3", "null", "1e-3", "0.1"),
    "float": ("0", "1.5", "-3", "null", "0.1"),
    "long": ("0", "-7", "9223372036854775807"),
    "integer": ("0", "-7", "2147483647"),
    "boolean": ("true", "false"),
    "string": ('"x"', '"a:b"', "null", '"ü"', '"\\u003a"'),
    "binary": ('"aGk="', "null"),
    "datetime": ('"2026-01-01"', '"2026-01-01T10:00:00+02:00"', "null"),
}
wild = st.sampled_from((*NUMBERS, *TEXTS, "null", "true", "false", "[]", "{}", "[1]", '{"a":1,"a":2}'))


def _value(spec: Column, odd: bool) -> st.SearchStrategy[str]:
    sure = st.sampled_from(SURE[spec.type])
    return sure | wild if odd else sure


def _join(parts: list[str], draw: Any) -> str:
    comma = draw(st.sampled_from((",", ", ", " ,\n")))
    return str(comma.join(parts))


@st.composite
def table_bodies(draw: Any, columns: tuple[Column, ...]) -> str:
    """Bodies in every form: usual ones, ones with an odd value or key, and ones that are nearly right."""
    odd = draw(st.booleans())
    specs = list(draw(st.permutations(columns)))
    if draw(st.integers(0, 3)) == 0:
        specs = [each for each in specs if each.required or draw(st.booleans())]
    if odd and draw(st.booleans()):
        specs.append(draw(st.sampled_from((*columns, Column("more", "string")))))
    rows = [[draw(_value(each, odd)) for each in specs] for _ in range(draw(st.integers(0 if odd else 1, 3)))]
    if odd and rows and draw(st.booleans()):
        rows[-1] = rows[-1][: draw(st.integers(0, len(specs)))]
    names = [json.dumps(each.name, ensure_ascii=draw(st.booleans())) for each in specs]
    colon = draw(st.sampled_from((":", ": ", " : ")))
    objects = ["{" + _join([n + colon + v for n, v in zip(names, row, strict=False)], draw) + "}" for row in rows]
    lists = ["[" + _join(row, draw) + "]" for row in rows]
    form = draw(st.sampled_from(("dataframe_split", "dataframe_records", "instances", "instances-l", "inputs", "rows")))
    if form == "dataframe_split":
        parts = [f'"columns"{colon}[{_join(names, draw)}]', f'"data"{colon}[{_join(lists, draw)}]']
        parts += draw(st.sampled_from(([], ['"index":[0]'], ['"index":["a:b"]'], ['"data":[]'] if odd else [])))
        value = "{" + _join(list(draw(st.permutations(parts))) if odd else parts, draw) + "}"
    elif form == "inputs":
        across = [[row[i] for row in rows if i < len(row)] for i in range(len(specs))]
        value = "{" + _join([f"{n}{colon}[{_join(v, draw)}]" for n, v in zip(names, across, strict=True)], draw) + "}"
    else:
        value = "[" + _join(objects if form in ("dataframe_records", "instances") else lists, draw) + "]"
    return draw(_document({"instances-l": "instances", "rows": "inputs"}.get(form, form), value, odd))  # type: ignore[no-any-return]


@st.composite
def tensor_bodies(draw: Any, tensors: tuple[Tensor, ...]) -> str:
    """Nested lists of the right shape, or nearly."""
    odd, count = draw(st.booleans()), draw(st.integers(0, 3))
    inner = wild | st.sampled_from(("1", "2")) if odd else st.sampled_from(("1", "0", "120"))

    def nest(shape: tuple[int, ...]) -> str:
        if not shape:
            return str(draw(inner))
        stray = draw(st.integers(0, 7)) - 3 if odd else 0
        return "[" + ",".join(nest(shape[1:]) for _ in range(shape[0] + (stray if stray in (1, -1) else 0))) + "]"

    values = {each.name: nest(tuple(count if n == -1 else n for n in each.shape)) for each in tensors}
    named = "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in values.items()) + "}"
    value = draw(st.sampled_from((named, next(iter(values.values())))))
    return draw(_document(draw(st.sampled_from(("inputs", "instances"))), value, odd))  # type: ignore[no-any-return]


@st.composite
def _document(draw: Any, form: str, value: str, odd: bool) -> str:
    parts = [f'"{form}":{value}']
    params = ("{}", '{"p":2}', '{"predict_method":"predict_proba"}', '{"p":"a:b"}', '{"p":1,"p":2}', "null", "7", "{")
    if draw(st.integers(0, 3)) == 0:
        parts.append(f'"params":{draw(st.sampled_from(params[: 8 if odd else 3]))}')
    if odd and draw(st.integers(0, 3)) == 0:
        parts.append(draw(st.sampled_from((f'"{form}":{value}', '"instances":[[1,2]]', '"x":1', '"\\u0069nputs":[]'))))
    return draw(st.sampled_from(("", " ", "\n"))) + "{" + ",".join(parts) + "}" + draw(st.sampled_from(("", "\n")))  # type: ignore[no-any-return]


@st.composite
def cases(draw: Any) -> tuple[Signature, bytes]:
    """A signature and a body, sometimes with a byte changed, added or taken away."""
    signature = draw(st.sampled_from(SIGNATURES))
    drawn = table_bodies(signature.columns) if signature.columns else tensor_bodies(signature.tensors)
    body = bytearray(draw(drawn).encode())
    if draw(st.integers(0, 3)) == 0:
        place = draw(st.integers(0, len(body) - 1))
        body[place : place + draw(st.integers(0, 2))] = draw(
            st.sampled_from((b"", b"\xff", b"\0", b":", b'"', b"[", b"0", b"}"))
        )
    return signature, bytes(body)


def _same(one: ScoringRequest, two: ScoringRequest) -> None:
    assert (one.rows.count, one.rows.tensors, one.rows.names) == (two.rows.count, two.rows.tensors, two.rows.names)
    assert repr(one.parameters) == repr(two.parameters)
    assert list(one.rows.columns) == list(two.rows.columns)
    for name, mine in one.rows.columns.items():
        other = two.rows.columns[name]
        assert (mine.dtype, mine.shape) == (other.dtype, other.shape)
        assert mine.flags.writeable
        assert mine.tolist() == other.tolist() if mine.dtype == object else mine.tobytes() == other.tobytes()


@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases())
@example((AB, b'{"dataframe_split":{"columns":["a","b"],"data":[[1,2]],"data":[[3,4]]}}'))
@example((AB, b'{"instances":[[1,2]],"instances":[[3,4]]}'))
@example((ALL, b'{"inputs":{"st":["a:b"],"st":["c"]}}'))
@example((LONE, b'{"inputs":' + b"[" * 100_000 + b"]" * 100_000 + b"}"))
def test_what_is_read_quickly_is_what_is_read_carefully(case: tuple[Signature, bytes]) -> None:
    """Where the quick way reads a body at all, the careful one does too, with the same bits; no error escapes."""
    signature, body = case
    reader = READERS[id(signature)]
    assert reader is not None
    request = reader.read(body, 1000)
    if request is not None:
        _same(request, decode(JSON, body, signature))
    else:
        with contextlib.suppress(CuelightError):
            decode(JSON, body, signature)


RECORD = {"a": 1.5, "b": None}
USUAL: list[tuple[Signature, Any]] = [
    (AB, {"dataframe_split": {"columns": ["a", "b"], "data": [[1, None]]}}),
    (AB, {"dataframe_split": {"columns": ["b", "a"], "index": [3], "data": [[1, None]]}}),
    (AB, {"dataframe_split": {"columns": ["c:d", "b", "a"], "data": [["x:y", 1, 2], [None, 3, 4]]}}),
    (AB, {"dataframe_records": [RECORD, RECORD]}),
    (AB, {"instances": [RECORD], "params": {"predict_method": "predict"}}),
    (AB, {"instances": [[1, 2]] * 40}),
    (AB, {"instances": [[1, None]] * 40}),
    (AB, {"inputs": [[1, 2]]}),
    (AB, {"inputs": {"b": [1, 2], "a": [3, 4]}}),
    (
        ALL,
        {
            "inputs": {
                "bo": [True],
                "in": [1],
                "lo": [2],
                "fl": [0.1],
                "do": [0.1],
                "st": ["12:30"],
                "bi": ["aGk="],
                "da": ["2026-01-01T00:00:00"],
            }
        },
    ),
    (SOME, {"dataframe_records": [{"a:b": 1}, {"a:b": 2}]}),
    (SOME, {"inputs": {"a:b": [1], "ü": [2]}}),
    (SOME, {"dataframe_split": {"columns": ["o", "a:b"], "data": [[":", 2]]}}),
    (LONE, {"instances": [[1, 2]]}),
    (NAMED, {"inputs": {"y": [1], "x": [[0.1, 2]]}}),
    (CUBE, {"inputs": [[[1, 2], [3, 255]]]}),
]


@pytest.mark.parametrize(("signature", "body"), USUAL)
def test_usual_bodies_are_read_quickly(signature: Signature, body: Any) -> None:
    """Every form, other orders of columns, extra columns, optional ones left out, parameters, strings with colons."""
    for text in (json.dumps(body).encode(), orjson.dumps(body), json.dumps(body, indent=1).encode()):
        reader = quick.reader(signature)
        assert reader is not None
        request = reader.read(text, 1000)
        assert request is not None
        _same(request, decode(JSON, text, signature))


@pytest.mark.parametrize(
    "signature",
    [
        Signature(),
        Signature((Column("a", "Array(double)"),)),
        Signature((Column("a", "long"),) * 2),
        Signature((Column('"', "long"),)),
    ],
)
def test_a_signature_without_typed_columns_has_no_quick_way(signature: Signature) -> None:
    """None at all, nested types, a name that is there twice or holds a quote: `decode` reads everything."""
    assert quick.reader(signature) is None


def test_many_orders_of_columns_are_all_read_and_few_remembered() -> None:
    """A caller can't make a version hold more and more parsers; beyond the limit bodies mean the same."""
    decoder = Decoder(AB)
    for number in range(30):
        body = orjson.dumps({"dataframe_split": {"columns": [f"x{number}", "b", "a"], "data": [["s", 1, 2]]}})
        assert decoder.decode(JSON, body).rows.columns["a"].tolist() == [2.0]
    assert len(decoder._reader._made) <= quick._MOST_ORDERS  # type: ignore[union-attr]
    body = orjson.dumps({"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]]}})
    assert decoder._reader.read(body, 1000) is not None  # type: ignore[union-attr]


def test_a_decoder_has_limits_and_errors_of_decode() -> None:
    """Too many rows, bad rows and other media types are what `decode` says of them."""
    decoder = Decoder(AB)
    body = b'{"instances":[[1,2],[3,4]]}'
    assert decoder.decode(JSON, body, Limits(2)).rows.count == 2
    with pytest.raises(TooLarge):
        decoder.decode(JSON, body, Limits(1))
    with pytest.raises(BadInput, match="Column `b`, row 0"):
        decoder.decode(JSON, b'{"instances":[[1,true]]}')
    assert decoder.decode("text/csv", b"a,b\n1,2\n").rows.columns["b"].tolist() == [2.0]


def test_rows_of_several_bodies_join() -> None:
    """Rows read from different forms and orders, or carefully, become the same columns in one."""
    bodies = (
        {"instances": [[1, 2]]},
        {"dataframe_records": [{"b": 4, "a": 3}]},
        {"dataframe_split": {"columns": ["b", "a"], "data": [[6, 5]]}},
        {"dataframe_split": {"data": [[8, 7]], "columns": ["b", "a"]}},
    )
    decoder = Decoder(AB)
    parts = [decoder.decode(JSON, orjson.dumps(each)).rows for each in bodies]
    for several in (parts, parts[:2]):
        joined = Rows.joined(several)
        whole = np.arange(1.0, 2 * len(several) + 1).reshape(-1, 2)
        assert joined.count == len(several)
        assert joined.matrix().tolist() == whole.tolist()
        assert {name: values.tolist() for name, values in joined.columns.items()} == {
            "a": whole[:, 0].tolist(),
            "b": whole[:, 1].tolist(),
        }
