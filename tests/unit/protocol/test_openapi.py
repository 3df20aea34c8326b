from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from cuelight.protocol.decode import decode
from cuelight.protocol.openapi import Described, document
from cuelight.protocol.sample import sample
from cuelight.protocol.signature import SCALARS, Column, Parameter, Signature, Tensor
from tests.support import openapi

_COLUMNS = tuple(Column(kind[:3], kind) for kind in SCALARS)
_TABLE = Signature(_COLUMNS, parameters=(Parameter("quantile", "double", 0.5), Parameter("ids", "long", [1], True)))
SIGNATURES = {
    "table": _TABLE,
    "optional": Signature((*_COLUMNS, Column("more", "double", required=False))),
    "tensor": Signature(tensors=(Tensor("", "float32", (-1, 2, 3)),)),
    "tensors": Signature(tensors=(Tensor("a", "int64", (-1, 2)), Tensor("b", "bool", (-1,)))),
    "named tensor": Signature(tensors=(Tensor("a", "uint8", (-1, 1)),)),
    "entries": Signature((Column("0", "double"),), entries=True),
    "objects": Signature((Column("a", "double"), Column("b", "string")), entries=True),
    "none": Signature(),
}


def _schema(signature: Signature) -> dict[str, Any]:
    found = document([Described("m", 1, signature, {})], "1", asks_for_token=False)
    content = found["paths"]["/models/m/invocations"]["post"]["requestBody"]["content"]
    schema: dict[str, Any] = content["application/json"]["schema"]
    return schema


def test_the_document_is_openapi() -> None:
    """For every kind of signature at once, with tokens and without; a name may be any."""
    for asks_for_token in (True, False):
        models = [Described(f"a/{name}", 3, each, sample(each, b"")) for name, each in SIGNATURES.items()]
        found = document(models, "0.1.0", asks_for_token)
        openapi.check(found)
        assert ("security" in found) == asks_for_token
    assert "/models/a%2Fnamed%20tensor/invocations" in found["paths"]


def test_the_check_of_documents_finds_faults() -> None:
    """A type that is none, a field that is none, and a reference to nothing: else the above proves nothing."""
    spoiled: list[Callable[[Any], object]] = [
        lambda found: found["info"].pop("title"),
        lambda found: found["paths"]["/models/m/invocations"]["post"].update(parameter=[]),
        lambda found: found["components"]["responses"].clear(),
        lambda found: found["components"]["schemas"]["Fault"].update(type="objekt"),
    ]
    for spoil in spoiled:
        found = document([Described("m", 1, _TABLE, {})], "1", asks_for_token=True)
        own = json.loads(json.dumps(found))  # the parts are shared
        openapi.check(own)
        spoil(own)
        with pytest.raises((AssertionError, ValueError, KeyError)):
            openapi.check(own)


@pytest.mark.parametrize("name", SIGNATURES)
def test_what_is_made_up_is_taken(name: str) -> None:
    """By the decoder of that signature, in a form that its schema has."""
    made = sample(SIGNATURES[name], b"")
    assert decode("application/json", json.dumps(made).encode(), SIGNATURES[name]).rows.count >= 1
    assert set(made) <= set(_schema(SIGNATURES[name])["properties"])


@pytest.mark.parametrize(
    ("saved", "shown"),
    [
        (
            {"dataframe_split": {"index": [0, 1, 2], "columns": ["x"], "data": [[1], [2], [3]]}, "params": {"q": 1}},
            {"dataframe_split": {"columns": ["x"], "data": [[1], [2]]}, "params": {"q": 1}},
        ),
        ({"dataframe_records": [{"x": 1}] * 3}, {"dataframe_records": [{"x": 1}] * 2}),
        ({"inputs": {"x": [1, 2, 3]}}, {"inputs": {"x": [1, 2]}}),
        ({"inputs": {"x": 1}}, {"inputs": {"x": 1}}),
        ({"instances": [[1], [2], [3]]}, {"instances": [[1], [2]]}),
    ],
)
def test_of_an_input_example_a_row_or_two_are_shown(saved: dict[str, Any], shown: dict[str, Any]) -> None:
    """In whatever form it was saved; one that is none, or holds personal columns, is made up instead."""
    signature = Signature((Column("x", "long"),))
    text = json.dumps(saved).encode()
    assert sample(signature, text) == shown
    made = {"dataframe_records": [{"x": 0}]}
    assert sample(signature, text, personal=("x",)) == sample(signature, b"[1, 2]") == sample(signature, b"") == made


def test_a_schema_says_what_the_server_does() -> None:
    """Exactly one form, nothing beside it; what must be there, what may be null, what parameters are."""
    schema = _schema(SIGNATURES["optional"])
    assert [each["required"] for each in schema["oneOf"]] == [[form] for form in list(schema["properties"])[:-1]]
    assert schema["additionalProperties"] is False
    row = schema["properties"]["dataframe_records"]["items"]
    assert row["required"] == [each.name for each in _COLUMNS]
    nullable = {name for name, each in row["properties"].items() if "null" in each["type"]}
    assert nullable == {"flo", "dou", "str", "bin", "dat", "more"}
    params = _schema(_TABLE)["properties"]["params"]["properties"]
    assert params["quantile"] == {"type": "number", "format": "double", "default": 0.5}
    assert params["ids"]["items"] == {"type": "integer", "format": "int64"}
    assert _schema(SIGNATURES["tensor"])["properties"]["inputs"]["items"]["items"]["minItems"] == 3
