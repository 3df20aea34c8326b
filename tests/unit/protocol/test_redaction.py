"""What is kept instead of personal values, and how it is read again."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import sys
from typing import Any

import numpy as np
import pytest

from cuelight.protocol.decode import decode
from cuelight.protocol.fit import Limits
from cuelight.protocol.redaction import DROP, HASH, MASK, WAYS, Reader, Redactor, candidates, canonical, without_echo
from cuelight.protocol.rows import Rows
from cuelight.protocol.signature import Column, Parameter, Signature, Tensor

KEY = b"k" * 32
ALL = Limits(sys.maxsize, sys.maxsize)
TYPES = ("boolean", "integer", "long", "float", "double", "string", "binary", "datetime")
SIGNATURE = Signature(
    columns=tuple(Column(each, each, required=False) for each in TYPES),
    parameters=(Parameter("depth", "long"), Parameter("string", "string")),
)
RECORD = {
    "boolean": True,
    "integer": -7,
    "long": 2**53 + 1,
    "float": 0.7,
    "double": 1e300,
    "string": "Ann, née \u2028 “B”",
    "binary": base64.b64encode(b"\x00\xff").decode(),
    "datetime": "2024-02-29T12:00:00.123456789",
}
TWO = [RECORD, {**RECORD, "double": None, "string": None, "binary": None, "datetime": None}]


def _rows(records: list[dict[str, Any]], signature: Signature = SIGNATURE) -> Rows:
    return decode("application/json", json.dumps({"dataframe_records": records}).encode(), signature).rows


def _plain(columns: Any) -> dict[str, list[str]]:
    return {name: [repr(each) for each in values.tolist()] for name, values in columns.items()}


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("personal", TYPES)
def test_what_is_not_personal_is_read_again_as_it_was(how: str, personal: str) -> None:
    """Of every type, to the bit, beside a personal column of every type, whose values are nowhere."""
    rows = _rows(TWO)
    written = Redactor(how, KEY).request(rows, {}, [personal])
    kept, hidden, _ = Reader(SIGNATURE, how, [personal], ALL).read(written, 2)
    expected = _plain(rows.columns)
    del expected[personal]
    assert _plain(kept) == expected
    assert list(hidden) == [personal]
    value = rows.columns[personal][0]
    stands = {DROP: None, MASK: "***", HASH: Redactor(how, KEY).text(personal, np.asarray(value).tolist())}
    assert personal == "datetime" or hidden[personal][0] == stands[how]
    assert str(RECORD[personal]) not in written.decode() or personal in ("boolean", "integer")


def test_a_hash_is_the_same_for_the_same_value_in_one_column_alone() -> None:
    """By HMAC-SHA256 with the key; 5 and 5.0 are one value; what is missing stays missing."""
    redactor = Redactor(HASH, KEY)
    expected = hmac.new(KEY, b"age\x005", hashlib.sha256).hexdigest()
    assert (
        redactor.text("age", 5) == redactor.text("age", 5.0) == redactor.text("age", "5") == f"hmac-sha256:{expected}"
    )
    assert redactor.text("size", 5) != redactor.text("age", 5) != Redactor(HASH, b"other").text("age", 5)
    assert redactor.text("age", None) is None
    assert redactor.text("age", math.nan) is None
    assert KEY.decode() not in repr(redactor)


def test_parameters_of_personal_names_are_left_out() -> None:
    """The others are read again, also where no column is left."""
    rows = _rows([{"string": "Ann"}], Signature(columns=(Column("string", "string"),)))
    written = Redactor(DROP, KEY).request(rows, {"depth": 3, "string": "Ann"}, ["string"])
    assert json.loads(written) == {"params": {"depth": 3}}
    kept, hidden, parameters = Reader(Signature(columns=(Column("string", "string"),)), DROP, ["string"], ALL).read(
        written, 1
    )
    assert (kept, list(hidden["string"]), parameters) == ({}, [None], {"depth": 3})


@pytest.mark.parametrize("how", WAYS)
def test_a_personal_tensor_is_left_out(how: str) -> None:
    """Whatever the way; the others are as they were."""
    signature = Signature(tensors=(Tensor("x", "float32", (-1, 2)), Tensor("face", "float32", (-1, 2))))
    rows = decode("application/json", b'{"inputs": {"x": [[1, 2.5]], "face": [[7.25, 8]]}}', signature).rows
    written = Redactor(how, KEY).request(rows, {}, ["face"])
    assert json.loads(written) == {"inputs": {"x": [[1.0, 2.5]]}}
    kept, _, _ = Reader(signature, how, ["face"], ALL).read(written, 1)
    assert _plain(kept) == {"x0": ["1.0"], "x1": ["2.5"]}


def test_entries_lose_what_is_personal_wherever_it_is() -> None:
    """A model with type hints takes objects in objects."""
    signature = Signature(entries=True)
    body = b'{"inputs": [{"x": 1, "who": {"name": "Ann", "age": 40}, "friends": [{"name": "Bob"}]}]}'
    rows = decode("application/json", body, signature).rows
    written = Redactor(MASK, KEY).request(rows, {}, ["name"])
    assert json.loads(written) == {"inputs": [{"x": 1, "who": {"age": 40}, "friends": [{}]}]}
    assert without_echo(["Hello Anna", "x"][:1], rows, ["name"]) == ["Hello Anna"]  # three letters: anybody's
    assert without_echo(["Ann"], rows, ["name"]) == [None]


ECHO = Rows(
    {"name": np.array(["Anna", "Bob"], dtype=object), "income": np.array([52_000.0, 1.0]), "x": np.array([1.0, 2.0])}, 2
)


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (["Anna", "no"], [None, "no"]),
        (["Dear Anna!", "Anna"], [None, "Anna"]),  # the second row's is somebody else's
        ([52_000, 1], [None, 1]),  # 1 may be a class
        ([True, False], [True, False]),
        (["52000 a year", "1"], [None, "1"]),
        ([[1.5, 52_000.0], [1.0, 2.0]], [[1.5, None], [1.0, 2.0]]),
        ([{"name": "Zoe", "y": 1}, {"name": None, "y": 2}], [{"y": 1}, {"y": 2}]),
        ({"name": ["a", "b"], "y": ["Anna", "b"]}, {"y": [None, "b"]}),
        ("Anna", None),  # not one a row
    ],
)
def test_an_answer_does_not_repeat_what_is_personal(answer: Any, kept: Any) -> None:
    """Outputs of that name are left out, values that repeat the row's own are null, classes stay."""
    assert without_echo(answer, ECHO, ["name", "income"]) == kept


def test_a_body_that_cant_be_read_leaves_length_and_digest() -> None:
    """The digest needs the key: a plain one of a short body could be guessed."""
    sealed = json.loads(Redactor(DROP, KEY).seal(b"name\nAnna\n"))
    assert sealed == {
        "length": 10,
        "digest": "hmac-sha256:" + hmac.new(KEY, b"name\nAnna\n", hashlib.sha256).hexdigest(),
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Anna", "Anna"),
        (5, "5"),
        (5.0, "5.0"),
        (2**60, str(2**60)),
        (float(np.float32(0.1)), "0.1"),
        (True, "True"),
        ("2024-02-29T12:00:00.000000000", "2024-02-29 12:00"),
        ("nan", "nan"),
    ],
)
def test_a_value_is_found_as_a_person_writes_it(value: Any, text: str) -> None:
    """By the text of each type that its column may have."""
    assert canonical(value) in candidates(text)
