"""The scoring protocol as MLflow's own server speaks it: the same bodies through its code and through ours.

Where Cuelight is stricter is listed below in `STRICTER`, where it is more lenient in `MORE`: the docs quote both.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cuelight.kit.errors import CuelightError
from cuelight.protocol.decoder import Decoder
from cuelight.protocol.encode import encode
from cuelight.protocol.signature import Signature
from cuelight.registry.mlmodel import read_mlmodel
from cuelight.serving.versions.loader import LoadedVersion, load

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"


@dataclass(frozen=True)
class Peer:
    """One model folder behind both servers' code."""

    theirs: Callable[[str, bytes], Any]
    signature: Signature
    ours_predict: Callable[[Any, Any], Any]

    def ours(self, kind: str, body: bytes) -> Any:
        """The answer of Cuelight; its errors go up."""
        request = Decoder(self.signature).decode(kind, body)
        return json.loads(encode(self.ours_predict(request.rows, request.parameters)))


def _peer(folder: Path, native: bool) -> Peer:
    import mlflow.pyfunc
    from mlflow.pyfunc import scoring_server

    model = mlflow.pyfunc.load_model(str(folder))
    schema = model.metadata.get_input_schema()

    def theirs(kind: str, body: bytes) -> Any:
        data: Any = body.decode() if kind == JSON else body
        return json.loads(scoring_server.invocations(data, kind, model, schema).response)

    if native:
        version: LoadedVersion = load(folder, "d", "key")
        return Peer(theirs, version.signature, lambda rows, params: version.predict(rows, params).values)
    signature = Signature.from_mlmodel(read_mlmodel(folder)["signature"])
    return Peer(theirs, signature, lambda rows, params: model.predict(rows.native(), params=dict(params) or None))


FRAME = pd.DataFrame(
    {
        "d": [1.5, 2.0],
        "l": [1, 2],
        "i": np.array([3, 4], np.int32),
        "b": [True, False],
        "s": ["x", "y"],
        "t": pd.to_datetime(["2026-01-01", "2026-01-02"]),
    }
)


def echo(rows: Any) -> Any:
    """What came in, by type: the model for comparing what a body became."""
    shown = {
        name: [repr(value) for value in rows[name].astype("datetime64[ns]" if name == "t" else rows[name].dtype)]
        for name in rows.columns
    }
    return pd.DataFrame({"seen": [", ".join(each) for each in zip(*shown.values(), strict=True)]})


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Peer:
    """A model of numeric, boolean, string and datetime columns that answers with what it was given."""
    return _echo(tmp_path_factory.mktemp("table") / "m", FRAME)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Peer:
    """The same without the datetime, which MLflow can't read from CSV."""
    return _echo(tmp_path_factory.mktemp("plain") / "m", FRAME.drop(columns="t"))


def _echo(folder: Path, frame: Any) -> Peer:
    import mlflow.pyfunc
    from mlflow.models import infer_signature

    class Echo(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            return echo(model_input)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.pyfunc.save_model(
            folder, python_model=Echo(), signature=infer_signature(frame, echo(frame)), pip_requirements=["numpy"]
        )
    return _peer(folder, native=False)


def _sklearn(folder: Path, inputs: Any) -> Peer:
    import mlflow.sklearn
    from mlflow.models import infer_signature
    from sklearn.linear_model import LinearRegression

    values = np.array([[1.0, 2.0], [3.0, 5.0], [4.0, 1.0]])
    model = LinearRegression().fit(values if isinstance(inputs, np.ndarray) else inputs, [1.0, 2.0, 4.0])
    mlflow.sklearn.save_model(
        model,
        folder,
        serialization_format="skops",
        signature=infer_signature(inputs, np.zeros(3)),
        pip_requirements=["numpy"],
    )
    return _peer(folder, native=True)


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Peer:
    """A linear model of columns a and b."""
    frame = pd.DataFrame({"a": [1.0, 3.0, 4.0], "b": [2.0, 5.0, 1.0]})
    return _sklearn(tmp_path_factory.mktemp("numbers") / "m", frame)


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Peer:
    """A linear model of one unnamed tensor of shape (-1, 2)."""
    return _sklearn(tmp_path_factory.mktemp("matrix") / "m", np.array([[1.0, 2.0], [3.0, 5.0], [4.0, 1.0]]))


NUMBERS: dict[str, tuple[str, Any]] = {
    "split": (JSON, {"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [3.5, 4]]}}),
    "split with index": (JSON, {"dataframe_split": {"index": [5, 6], "columns": ["a", "b"], "data": [[1, 2], [3, 4]]}}),
    "split, other order": (JSON, {"dataframe_split": {"columns": ["b", "a"], "data": [[1, 2], [3, 4]]}}),
    "records": (JSON, {"dataframe_records": [{"a": 1, "b": 2}, {"b": 4, "a": 3}]}),
    "records, extra column": (JSON, {"dataframe_records": [{"a": 1, "b": 2, "c": "x"}]}),
    "records, null": (JSON, {"dataframe_records": [{"a": 1.5, "b": 2}]}),
    "instances of objects": (JSON, {"instances": [{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 4.0}]}),
    "inputs of lists by name": (JSON, {"inputs": {"a": [1.0, 3.0], "b": [2.0, 4.0]}}),
    "inputs of scalars by name": (JSON, {"inputs": {"a": 1.0, "b": 2.0}}),
    "inputs of objects": (JSON, {"inputs": [{"a": 1.0, "b": 2.0}]}),
    "CSV": (CSV, b"a,b\n1,2\n3.5,4e0\n"),
    "CSV, other order, blank line": (CSV, b"b,a\n1,2\n\n3,4\n"),
    "CSV, long": (CSV, b"b,a\n" + b"1,-2.5e-3\n0.1,7\n" * 500),
    "Parquet": (PARQUET, pd.DataFrame({"a": [1.0, 3.5], "b": [2.0, 4.0]}).to_parquet()),
    "Parquet, other order, extra column": (PARQUET, pd.DataFrame({"z": ["x"], "b": [2.0], "a": [1.0]}).to_parquet()),
    "Parquet, an index": (PARQUET, pd.DataFrame({"a": [1.0], "b": [2.0]}, index=["i"]).to_parquet()),
}

TABLE: dict[str, tuple[str, Any]] = {
    "records": (
        JSON,
        {
            "dataframe_records": [
                {"d": 1.5, "l": 1, "i": 2, "b": True, "s": "x", "t": "2026-01-01T10:00:00"},
                {"d": 2, "l": -1, "i": 0, "b": False, "s": "5", "t": "2026-01-02T00:00:00"},
            ]
        },
    ),
    "split": (
        JSON,
        {
            "dataframe_split": {
                "columns": ["t", "s", "b", "i", "l", "d"],
                "data": [["2026-01-01T10:00:00.123456789", "ü", True, 2, 9007199254740993, 0.1]],
            }
        },
    ),
    "Parquet": (PARQUET, FRAME.to_parquet()),
    "inputs": (
        JSON,
        {
            "inputs": {
                "d": [1.5],
                "l": [1],
                "i": [2],
                "b": [True],
                "s": ["x"],
                "t": ["2026-01-01T10:00:00"],
            }
        },
    ),
}

PLAIN: dict[str, tuple[str, Any]] = {
    "CSV": (CSV, b'd,l,i,b,s\n1.5,1,2,True,x\n2.5,2,3,False,007\n-1e-3,-5,0,True,"a,""b"\n'),
    "CSV, other order, extra column": (CSV, b"s,more,b,i,l,d\nx,1,False,2,3,4\n"),
    "CSV, long, quotes": (
        CSV,
        b'"s",more,"b",i,l,d\r\n"a,""b\r\nc",1,False,2,3,"4"\r\n x,,TRUE,-2,3,0.1\r\n' + b"y,,True,0,0,1\r\n" * 500,
    ),
    "split": (JSON, {"dataframe_split": {"columns": ["d", "l", "i", "b", "s"], "data": [[1, 2, 3, True, "x"]]}}),
}

MATRIX: dict[str, tuple[str, Any]] = {
    "instances": (JSON, {"instances": [[1, 2], [3, 4]]}),
    "inputs": (JSON, {"inputs": [[1.0, 2.0], [3.0, 4.0]]}),
    "split": (JSON, {"dataframe_split": {"columns": ["p", "q"], "data": [[1, 2], [3, 4]]}}),
    "records": (JSON, {"dataframe_records": [{"p": 1, "q": 2}, {"p": 3, "q": 4}]}),
}


def _bytes(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


@pytest.mark.parametrize(
    ("model", "name"),
    [("numbers", name) for name in NUMBERS]
    + [("table", name) for name in TABLE]
    + [("plain", name) for name in PLAIN]
    + [("matrix", name) for name in MATRIX],
)
def test_valid_bodies_are_answered_as_mlflow_does(model: str, name: str, request: pytest.FixtureRequest) -> None:
    """A client of `mlflow models serve` gets the same answer from Cuelight, in every form."""
    peer: Peer = request.getfixturevalue(model)
    kind, body = {"numbers": NUMBERS, "table": TABLE, "plain": PLAIN, "matrix": MATRIX}[model][name]
    theirs, ours = peer.theirs(kind, _bytes(body)), peer.ours(kind, _bytes(body))
    assert list(ours) == ["predictions"]
    if model in ("table", "plain"):
        assert ours == theirs
    else:
        np.testing.assert_allclose(ours["predictions"], theirs["predictions"], rtol=1e-12)


ROW = {"d": 1.5, "l": 1, "i": 2, "b": True, "s": "x", "t": "2026-01-01"}

STRICTER: dict[str, tuple[str, Any]] = {
    "a fraction in a whole number is refused, not cut off": (JSON, {"dataframe_records": [ROW | {"l": 3.7}]}),
    "a number beyond 32 bits is refused, not wrapped": (JSON, {"dataframe_records": [ROW | {"i": 2**40}]}),
    "null in a boolean is refused, not false": (JSON, {"dataframe_records": [ROW | {"b": None}]}),
    "a text in a number is refused, not parsed": (JSON, {"dataframe_records": [ROW | {"d": "5.1"}]}),
    "a boolean in a number is refused, not 1": (JSON, {"dataframe_records": [ROW | {"d": True}]}),
    "a number in a boolean is refused, not true": (JSON, {"dataframe_records": [ROW | {"b": 2}]}),
    "a whole number that a double can't hold is refused, not rounded": (
        JSON,
        {"dataframe_records": [ROW | {"d": 2**53 + 1}]},
    ),
    "a number in a datetime is refused, not a time of nanoseconds": (JSON, {"dataframe_records": [ROW | {"t": 5}]}),
    "NaN literals are refused, since they are no JSON": (
        JSON,
        json.dumps({"dataframe_records": [ROW | {"d": float("nan")}]}).encode(),
    ),
    "a row without a key that others have is refused, not NaN": (
        JSON,
        {"dataframe_records": [ROW | {"z": 1}, ROW]},
    ),
    "infinity in Parquet is refused": (PARQUET, FRAME.assign(d=[1.5, np.inf]).to_parquet()),
    "no rows are refused, not answered by nothing": (
        JSON,
        {"dataframe_split": {"columns": list(ROW), "data": []}},
    ),
    "keys beside the form and params are refused, not ignored": (
        JSON,
        {"dataframe_records": [ROW], "something": 1},
    ),
    "a key that is there twice is refused, not its first value ignored": (
        JSON,
        json.dumps({"dataframe_records": [ROW]}).replace("[{", '[{"d": 9.5, ').encode(),
    ),
}


@pytest.mark.parametrize("name", STRICTER)
def test_cuelight_is_stricter_here(name: str, table: Peer) -> None:
    """MLflow's server answers such a body, or would alter its values; Cuelight refuses it with a message."""
    kind, body = STRICTER[name]
    with pytest.raises(CuelightError):
        table.ours(kind, _bytes(body))
    try:
        theirs: Any = table.theirs(kind, _bytes(body))
    except Exception as error:  # MLflow raises whatever pandas and its own checks do
        pytest.fail(f"MLflow refuses it as well ({error}): it is no place where Cuelight is stricter")
    assert "predictions" in theirs


MORE: dict[str, tuple[str, Any]] = {
    "a datetime with an offset, in UTC then": (JSON, {"dataframe_records": [ROW | {"t": "2026-01-01T02:00:00+02:00"}]}),
    "datetimes of several ISO 8601 forms in one column": (
        JSON,
        {"dataframe_records": [ROW, ROW | {"t": "2026-01-01T02:00:00"}]},
    ),
    "whole numbers for a double that holds them, in Parquet": (PARQUET, FRAME.assign(d=[2**53, 1]).to_parquet()),
    "whole doubles for a whole number in Parquet": (PARQUET, FRAME.assign(l=[1.0, 2.0]).to_parquet()),
    "a larger type for a whole number that fits, in Parquet": (PARQUET, FRAME.assign(i=[1, 2]).to_parquet()),
    "datetimes in CSV": (CSV, b"d,l,i,b,s,t\n1.5,1,2,True,x,2026-01-01\n"),
    "3.0 for a whole number in CSV": (CSV, b"d,l,i,b,s,t\n1.5,3.0,2,True,x,2026-01-01\n"),
}


@pytest.mark.parametrize("name", MORE)
def test_cuelight_takes_more_here(name: str, table: Peer) -> None:
    """MLflow's server refuses such a body, though its values fit exactly."""
    kind, body = MORE[name]
    assert "predictions" in table.ours(kind, _bytes(body))
    with pytest.raises(Exception, match=r"schema|convert|type"):
        table.theirs(kind, _bytes(body))
