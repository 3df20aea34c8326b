from __future__ import annotations

import numpy as np
import pandas as pd

from cuelight.protocol.rows import Rows


def test_columns_are_a_data_frame() -> None:
    """What a model of columns gets has their names, order and types."""
    rows = Rows({"a": np.array([1, 2]), "s": np.array(["x", None], dtype=object)}, 2)
    pd.testing.assert_frame_equal(
        rows.native(), pd.DataFrame({"a": np.array([1, 2]), "s": np.array(["x", None], dtype=object)})
    )
    assert list(rows.flat()) == ["a", "s"]


def test_a_lone_tensor_is_an_array_and_named_ones_a_dict() -> None:
    """As MLflow hands them to a model."""
    array = np.zeros((2, 3))
    assert Rows({"": array}, 2, tensors=True).native() is array
    assert Rows({"x": array}, 2, tensors=True).native() == {"x": array}


def test_flat_columns_are_named_for_their_place() -> None:
    """An unnamed matrix is x0, x1, ...; a named vector keeps its name; more dimensions are counted through."""
    flat = Rows({"": np.array([[1, 2], [3, 4]])}, 2, tensors=True).flat()
    assert {name: values.tolist() for name, values in flat.items()} == {"x0": [1, 3], "x1": [2, 4]}
    assert list(Rows({"": np.array([1, 2])}, 2, tensors=True).flat()) == ["x0"]
    many = Rows({"u": np.array([1, 2]), "v": np.arange(8).reshape(2, 2, 2)}, 2, tensors=True).flat()
    assert list(many) == ["u", "v0", "v1", "v2", "v3"]
    assert many["v3"].tolist() == [3, 7]


def test_a_model_may_write_into_what_it_is_given() -> None:
    """Columns may be a view of the request's body, which the journal keeps: the model has its own."""
    body = np.array([1.0, 2.0]).tobytes()
    view = np.frombuffer(body)
    given = Rows({"": view}, 2, tensors=True).native()
    given[0] = 9.0
    frame = Rows({"a": view}, 2).native()
    frame.loc[0, "a"] = 9.0
    assert np.frombuffer(body).tolist() == [1.0, 2.0]
