from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cuelight.journal.record import Prediction
from cuelight.journal.tables import RowsTable
from cuelight.protocol import media
from cuelight.protocol.decode import decode
from cuelight.protocol.redaction import Redactor
from cuelight.protocol.signature import Column, Signature, Tensor
from tests.support.journal import SIGNATURE, prediction, stored, write

_ONE_COLUMN = Signature(columns=(Column("x", "double"),))


def _columns(table: RowsTable, prefix: str) -> dict[str, Any]:
    arrow = table.table()
    return {name: arrow.column(name).to_pylist() for name in arrow.column_names if name.startswith(prefix)}


def _with_predictions(*predictions: Any) -> RowsTable:
    table = RowsTable(_ONE_COLUMN)
    for number, each in enumerate(predictions):
        rows = [{"x": 0.0}] * (len(each) if isinstance(each, list) else 1)
        table.add(prediction(number, rows=rows, predictions=each))
    return table


@pytest.mark.parametrize(
    ("predictions", "expected"),
    [
        ([1, 2], {"output.prediction": [1, 2]}),
        (["a", None], {"output.prediction": ["a", None]}),
        ([[0.5], [1.5]], {"output.prediction": [0.5, 1.5]}),
        ([[1, 2.5], [3, 4.5]], {"output.prediction0": [1, 3], "output.prediction1": [2.5, 4.5]}),
        ([{"low": 1.0, "high": 2.0}, {"low": 3.0}], {"output.low": [1.0, 3.0], "output.high": [2.0, None]}),
        ({"scores": [0.5]}, {"output.scores": [0.5]}),
        (0.5, {"output.prediction": [0.5]}),
        ([[1], [1, 2]], {"output.prediction": ["[1]", "[1,2]"]}),
        ([1, "a"], {"output.prediction": ["1", '"a"']}),
    ],
)
def test_each_form_of_answer_has_its_columns(predictions: Any, expected: dict[str, Any]) -> None:
    """Scalars, lists, named outputs and dicts become columns; what has no one type is JSON text."""
    assert _columns(_with_predictions(predictions), "output.") == expected


def test_probabilities_have_a_column_per_class() -> None:
    """Each class's probability stands under its name, null for requests that have none."""
    table = RowsTable(_ONE_COLUMN)
    given = {"classes": [0, 1], "values": [[0.25, 0.75]]}
    table.add(prediction(0, rows=[{"x": 1.0}], predictions=[1], probabilities=given))
    table.add(prediction(1, rows=[{"x": 1.0}], predictions=[0]))
    assert _columns(table, "output.") == {
        "output.prediction": [1, 0],
        "output.proba.0": [0.25, None],
        "output.proba.1": [0.75, None],
    }


def test_an_answer_of_probabilities_is_no_prediction() -> None:
    """Where the caller asked for probabilities, the row has those and no made-up prediction."""
    table = RowsTable(_ONE_COLUMN)
    body = {"inputs": {"x": [1.0]}, "params": {"predict_method": "predict_proba"}}
    given = {"classes": ["a", "b"], "values": [[0.25, 0.75]]}
    request = json.dumps(body).encode()
    table.add(prediction(0, rows=[{"x": 1.0}], request=request, predictions=[[0.25, 0.75]], probabilities=given))
    assert _columns(table, "output.") == {"output.proba.a": [0.25], "output.proba.b": [0.75]}


@pytest.mark.parametrize(
    "changes",
    [
        {"predictions": [1.0, 2.0]},
        {"response": b"[]"},
        {"response": b"\xff"},
        {"request": b"{}"},
        {"media_type": "image/png"},
        {"probabilities": {"classes": [0, 1], "values": [[0.5]]}},
        {"probabilities": {"values": [[0.5]]}},
    ],
)
def test_a_bad_request_leaves_the_table_as_it_was(changes: dict[str, Any]) -> None:
    """What can't be read raises ValueError, and none of its rows or columns stay behind."""
    table = RowsTable(SIGNATURE)
    table.add(prediction(0))
    before = table.table()
    with pytest.raises(ValueError, match="the"):
        table.add(prediction(1, rows=[{"x": 1.0, "city": "Rome"}] if "predictions" in changes else None, **changes))
    assert table.table().equals(before)


def test_every_type_of_a_signature_comes_through() -> None:
    """Each of MLflow's column types is typed in Arrow; optional columns are null where a request leaves them out."""
    types = ["boolean", "integer", "long", "float", "double", "string", "binary", "datetime"]
    signature = Signature(columns=tuple(Column(each, each, required=each != "string") for each in types))
    row = {"boolean": True, "integer": 1, "long": 2, "float": 0.5, "double": 1.5, "string": "s"}
    row |= {"binary": "eA==", "datetime": "2024-01-02T03:04:05"}
    table = RowsTable(signature)
    table.add(prediction(0, rows=[row]))
    table.add(prediction(1, rows=[{name: value for name, value in row.items() if name != "string"}]))
    arrow = table.table()
    kinds = [str(arrow.schema.field(f"input.{each}").type) for each in types]
    assert kinds == ["bool", "int32", "int64", "float", "double", "string", "binary", "timestamp[us]"]
    expected = row | {"binary": b"x", "datetime": datetime(2024, 1, 2, 3, 4, 5)}
    assert {name: arrow.column(f"input.{name}")[0].as_py() for name in types} == expected
    assert arrow.column("input.string").to_pylist() == ["s", None]


def test_tensors_and_models_without_a_signature_have_columns_too() -> None:
    """A tensor's row is spread over numbered columns; without a signature types follow the values."""
    table = RowsTable(Signature(tensors=(Tensor("", "float32", (-1, 2)),)))
    table.add(prediction(0, rows=[{}], request=b'{"instances": [[1, 2.5]]}', predictions=[1]))
    assert _columns(table, "input.") == {"input.x0": [1.0], "input.x1": [2.5]}
    assert str(table.table().schema.field("input.x0").type) == "float"
    free = RowsTable(Signature())
    free.add(prediction(0, rows=[{"a": 1, "b": "x"}]))
    free.add(prediction(1, rows=[{"a": 1, "c": 2.5}]))
    assert _columns(free, "input.") == {"input.a": [1, 1], "input.b": ["x", None], "input.c": [None, 2.5]}


def test_the_entries_of_a_model_with_type_hints_are_kept_as_texts() -> None:
    """They may be of any shape: one column holds them, as JSON where they are objects."""
    table = RowsTable(Signature(columns=(Column("0", "map"),), entries=True))
    table.add(prediction(predictions=[1.0, 2.0], request=b'{"inputs": [{"a": 1.5}, {"b": [2]}]}'))
    assert _columns(table, "input.") == {"input.x0": ['{"a":1.5}', '{"b":[2]}']}
    assert _columns(table, "output.") == {"output.prediction": [1.0, 2.0]}


def test_personal_columns_are_texts_of_their_own(tmp_path: Path) -> None:
    """Typed columns keep their type, also where a tag came in between; a column that is left out is all null."""
    signature = Signature(columns=(Column("age", "long"), Column("x", "double")))
    rows = [{"age": 40, "x": 1.5}]
    clear = prediction(0, rows=rows)

    def hidden(how: str) -> Prediction:
        request = Redactor(how, b"k").request(decode(media.JSON, clear.request, signature).rows, {}, ["age"])
        return prediction(1, rows=rows, request=request, redaction=how, personal="age,other")

    write(tmp_path, *(each for how in ("drop", "mask", "hash") for each in (clear, hidden(how))))
    table = RowsTable(signature)
    for each in stored(tmp_path):
        if isinstance(each, Prediction):
            table.add(each)
    arrow = table.table()
    assert [str(arrow.schema.field(name).type) for name in ("input.age", "input.x", "personal.age")] == [
        "int64",
        "double",
        "string",
    ]
    assert arrow["input.age"].to_pylist() == [40, None] * 3
    assert arrow["input.x"].to_pylist() == [1.5] * 6
    hashed = Redactor("hash", b"k").text("age", 40)
    assert arrow["personal.age"].to_pylist() == [None, None, None, "***", None, hashed]
    assert "personal.other" not in arrow.column_names
