"""Quicker ways to predict answer as the model does, or do not serve."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cuelight.pipelines.descent import GradientDescentRegressor
from cuelight.protocol.signature import Column, Signature
from cuelight.serving.compiled import ARRAYS, LINEAR, candidates, equal, probes

RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame(RANDOM.normal(size=(300, 5)), columns=[f"x{i}" for i in range(5)])
TARGET = FRAME.to_numpy() @ [1.0, -2.0, 3.0, 0.0, 1e6] + RANDOM.normal(size=300)
LABELS = np.where(TARGET > 0, "yes", "no")
SIGNATURE = Signature(tuple(Column(name, "double") for name in FRAME))

REGRESSORS = [LinearRegression(), Ridge(), Lasso(), GradientDescentRegressor()]
OTHERS = [
    LogisticRegression(),
    RandomForestClassifier(5, random_state=0),
    HistGradientBoostingClassifier(max_iter=5),
    make_pipeline(StandardScaler(), LogisticRegression()),
    KMeans(2, n_init=1),
]


def _kind(model: Any) -> str:
    return type(model).__name__


@pytest.mark.parametrize("model", REGRESSORS, ids=_kind)
def test_linear_models_are_a_sum_of_products(model: Any) -> None:
    """The same numbers within the tolerance, and for one row the same bits whatever rows stand beside it."""
    model.fit(FRAME, TARGET)
    linear, arrays = candidates(model, SIGNATURE)
    assert (linear.name, arrays.name) == (LINEAR, ARRAYS)
    assert linear.predict is not None
    rows = probes(FRAME.to_numpy())
    expected = model.predict(pd.DataFrame(rows, columns=FRAME.columns))
    assert equal(expected, linear.predict(rows))
    assert equal(expected, arrays.model.predict(rows))
    alone = np.concatenate([linear.predict(rows[i : i + 1]) for i in range(len(rows))])
    assert np.array_equal(alone, linear.predict(rows))


@pytest.mark.parametrize("model", OTHERS, ids=_kind)
@pytest.mark.filterwarnings("error")
def test_other_models_take_arrays_without_a_warning(model: Any) -> None:
    """Labels to the bit, probabilities within the tolerance, and the model itself keeps its names."""
    model.fit(FRAME, LABELS)
    (arrays,) = candidates(model, SIGNATURE)
    rows = probes(FRAME.to_numpy())
    frame = pd.DataFrame(rows, columns=FRAME.columns)
    assert equal(model.predict(frame), arrays.model.predict(rows))
    assert list(getattr(model, "feature_names_in_", FRAME.columns)) == list(FRAME.columns)
    if hasattr(model, "predict_proba"):
        assert equal(model.predict_proba(frame), arrays.model.predict_proba(rows))


def test_models_that_pick_columns_by_name_have_no_quicker_way() -> None:
    """Nor have those that were fitted on other columns, or on an array, or whose columns are not all doubles."""
    picky = make_pipeline(make_column_transformer((StandardScaler(), ["x1"])), LinearRegression()).fit(FRAME, TARGET)
    swapped = LinearRegression().fit(FRAME[["x1", "x0", "x2", "x3", "x4"]], TARGET)
    nameless = LinearRegression().fit(FRAME.to_numpy(), TARGET)
    usual = LinearRegression().fit(FRAME, TARGET)
    whole = Signature(tuple(Column(name, "long") for name in FRAME))
    optional = Signature(tuple(Column(name, "double", required=False) for name in FRAME))
    assert [candidates(each, SIGNATURE) for each in (picky, swapped, nameless)] == [[], [], []]
    assert [candidates(usual, each) for each in (whole, optional, Signature())] == [[], [], []]


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ([1.0, 2.0], [1.0, 2.0], True),
        ([1.0, 1e6], [1.0 + 1e-5, 1e6], True),
        ([1.0, 2.0], [1.0, 2.0 + 1e-6], False),
        ([1.0, 2.0], [1.0], False),
        ([1.0, 2.0], [1, 2], False),
        (["a", "b"], ["a", "b"], True),
        (["a", "b"], ["a", "c"], False),
        ([1.0, float("nan")], [1.0, float("nan")], False),
    ],
)
def test_equal_means_equal(one: list[Any], two: list[Any], same: bool) -> None:
    """Labels to the bit, numbers within the tolerance of the largest, and never of another kind or number."""
    assert equal(one, two) is same


def test_another_form_is_another_answer() -> None:
    """Frames with other names, an array for a frame, and other keys would reach callers as other JSON."""
    frame = pd.DataFrame({"a": [1.0], "b": [2.0]})
    assert equal(frame, frame.copy())
    assert not equal(frame, frame.set_axis(["x0", "x1"], axis=1))
    assert not equal(frame, frame.to_numpy())
    assert equal({"a": np.ones(2)}, {"a": np.ones(2)})
    assert not equal({"a": np.ones(2)}, {"b": np.ones(2)})
