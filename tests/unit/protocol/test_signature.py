from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cuelight.protocol.signature import SCALARS, Column, Parameter, Signature, Tensor

_SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@given(
    st.lists(st.builds(Column, st.text(), st.sampled_from(SCALARS), st.booleans())).map(tuple),
    st.lists(
        st.builds(Tensor, st.text(), st.sampled_from(["float64", "str"]), st.lists(st.integers(-1, 9)).map(tuple))
    ).map(tuple),
    st.lists(st.builds(Parameter, st.text(), st.sampled_from(SCALARS), _SCALAR, st.booleans())).map(tuple),
    st.lists(st.dictionaries(st.text(), _SCALAR)).map(tuple),
    st.booleans(),
)
def test_a_signature_survives_json(
    columns: tuple[Column, ...],
    tensors: tuple[Tensor, ...],
    parameters: tuple[Parameter, ...],
    outputs: Any,
    entries: bool,
) -> None:
    """What `to_json` writes, `from_json` reads back as an equal signature."""
    signature = Signature(columns, tensors, parameters, outputs, entries)
    assert Signature.from_json(signature.to_json()) == signature


def test_signatures_written_before_parameters_could_be_lists_are_read() -> None:
    """Journals keep signatures for months: the older form stays readable."""
    text = '{"columns": [], "tensors": [], "parameters": [["p", "double", 0.5]], "outputs": []}'
    assert Signature.from_json(text).parameters == (Parameter("p", "double", 0.5),)


def test_no_signature_is_an_empty_one() -> None:
    """A model without one has neither columns nor tensors."""
    assert Signature.from_mlmodel(None) == Signature.from_mlmodel({}) == Signature()
    assert Signature.from_mlmodel({"inputs": None, "outputs": "null"}) == Signature()


def _saved(folder: Path, inputs: Any, params: dict[str, Any] | None = None) -> Signature:
    import mlflow.sklearn
    from mlflow.models import infer_signature
    from sklearn.linear_model import LinearRegression

    signature = infer_signature(inputs, np.zeros(2), params)
    mlflow.sklearn.save_model(
        LinearRegression(), folder, serialization_format="skops", signature=signature, pip_requirements=["numpy"]
    )
    return Signature.from_mlmodel(yaml.safe_load((folder / "MLmodel").read_text())["signature"])


def test_an_mlmodel_of_columns_is_read(tmp_path: Path) -> None:
    """All of MLflow's column types, optional ones, and parameters, from a file that MLflow wrote."""
    frame = pd.DataFrame(
        {
            "d": [1.0, 2.0],
            "f": np.array([1, 2], np.float32),
            "l": [1, 2],
            "i": np.array([1, 2], np.int32),
            "b": [True, False],
            "s": ["x", "y"],
            "o": ["x", None],
            "t": pd.to_datetime(["2026-01-01", "2026-01-02"]),
            "y": [b"a", b"b"],
        }
    )
    signature = _saved(tmp_path / "m", frame, {"warmth": 0.5, "stops": ["a"]})
    assert [(each.name, each.type) for each in signature.columns] == [
        ("d", "double"),
        ("f", "float"),
        ("l", "long"),
        ("i", "integer"),
        ("b", "boolean"),
        ("s", "string"),
        ("o", "string"),
        ("t", "datetime"),
        ("y", "binary"),
    ]
    assert [each.name for each in signature.columns if not each.required] == ["o"]
    assert signature.parameters == (Parameter("warmth", "double", 0.5), Parameter("stops", "string", ["a"], many=True))
    assert signature.outputs == ({"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}},)


def test_an_mlmodel_of_tensors_is_read(tmp_path: Path) -> None:
    """One unnamed array, and several named ones."""
    assert _saved(tmp_path / "one", np.zeros((2, 3))).tensors == (Tensor("", "float64", (-1, 3)),)
    named = _saved(tmp_path / "two", {"x": np.zeros((2, 3), np.float32), "y": np.zeros(2, np.int64)})
    assert named.tensors == (Tensor("x", "float32", (-1, 3)), Tensor("y", "int64", (-1,)))
    assert named.columns == ()
