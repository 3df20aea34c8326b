"""Where a compiled way could part from its model, there is none, or it leaves the input to the model."""

from __future__ import annotations

from types import MethodType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, SGDRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    StandardScaler,
)
from sklearn.tree import DecisionTreeRegressor

from cuelight.protocol.rows import Rows
from cuelight.protocol.signature import Column, Signature, Tensor
from cuelight.serving.versions import flavors
from cuelight.serving.versions.compiled import Unfit, candidates, grove, trees
from cuelight.serving.versions.compiled.parts import Uncompilable

RANDOM = np.random.default_rng(0)
COUNT = 60
FRAME = pd.DataFrame({"a": RANDOM.normal(size=COUNT) / 10, "b": RANDOM.normal(size=COUNT) / 10})
GAPS = FRAME.mask(FRAME > 0.1)
TARGET = FRAME["a"] * 3 + FRAME["b"]
TOWNS = pd.DataFrame({"town": RANDOM.choice(["Bath", "York", "?"], COUNT, p=[0.5, 0.4, 0.1])})


class Clipped(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Another thing for arrays than for frames: `max` of a frame is one a column."""

    def fit(self, _data: Any, _target: Any = None) -> Clipped:
        """Learn nothing."""
        return self

    def transform(self, data: Any) -> Any:
        """The rows, over what is largest if that is large."""
        return np.asarray(data / np.maximum(data.max(), 1.0))


class Own(KNeighborsClassifier):  # type: ignore[misc]
    """A class of somebody's own."""


def _signature(frame: pd.DataFrame) -> Signature:
    return Signature(
        tuple(Column(name, "double" if kind.kind == "f" else "string") for name, kind in frame.dtypes.items())
    )


def _rows(frame: pd.DataFrame) -> Rows:
    return Rows({name: frame[name].to_numpy(float if name in "ab" else object) for name in frame}, len(frame))


def _answer(predict: Any, *arguments: Any) -> Any:
    try:
        return predict(*arguments)
    except ValueError:
        return None


def _parted(model: Any, frame: pd.DataFrame, signature: Signature | None = None) -> list[str]:
    """The names of the ways that answer otherwise than `model`."""
    expected = _answer(model.predict, _rows(frame).frame())
    parted = []
    for way in candidates(model, signature or _signature(frame)):
        try:
            found = way.answer(_rows(frame), "predict").values
        except (Unfit, ValueError):
            continue  # left to the model
        if expected is None or not np.array_equal(found, expected):
            parted.append(way.name)
    return parted


def _pipeline(*steps: Any, frame: pd.DataFrame = FRAME) -> Any:
    return make_pipeline(*steps).fit(frame, TARGET)


@pytest.mark.parametrize("missing", ["?", ""])
def test_a_text_that_stands_for_a_missing_one_is_filled(missing: str) -> None:
    """An imputer may take any value for a missing one, not nulls alone."""
    hot = OneHotEncoder(handle_unknown="ignore")
    filled = make_pipeline(SimpleImputer(missing_values=missing, strategy="most_frequent"), hot)
    frame = TOWNS.replace("?", missing)
    model = make_pipeline(make_column_transformer((filled, ["town"])), DecisionTreeRegressor()).fit(frame, TARGET)
    assert _parted(model, frame) == []
    assert _parted(model, pd.DataFrame({"town": [missing]})) == []


@pytest.mark.filterwarnings("ignore:overflow")
def test_what_a_step_refuses_is_not_answered() -> None:
    """A checked pass-through takes no NaN; after a scaler, 1e308 is infinite, and no other step takes that."""
    gap, huge = pd.DataFrame({"a": [np.nan], "b": [0.0]}), pd.DataFrame({"a": [1e308], "b": [0.0]})
    passed = _pipeline(FunctionTransformer(validate=True), HistGradientBoostingRegressor(max_iter=3))
    assert _parted(passed, gap) == []
    for then in (MinMaxScaler(clip=True), SimpleImputer()):
        model = _pipeline(StandardScaler(), then, HistGradientBoostingRegressor(max_iter=3))
        assert _answer(model.predict, huge) is None
        assert _parted(model, huge) == []


def test_other_types_than_doubles_are_not_encoded() -> None:
    """A scaler after them would calculate in 32 bits, or with whole numbers."""
    for encoder in (OneHotEncoder(dtype=np.float32, sparse_output=False), OrdinalEncoder(dtype=np.float32)):
        model = _pipeline(encoder, StandardScaler(), DecisionTreeRegressor(), frame=TOWNS)
        assert candidates(model, _signature(TOWNS)) == []


def test_a_method_of_its_own_is_not_passed_over() -> None:
    """Somebody put another `predict` onto an instance of scikit-learn's."""
    model = LinearRegression().fit(FRAME, TARGET)
    model.predict = MethodType(lambda self, data: np.maximum(type(self).predict(self, data), 0.0), model)
    assert candidates(model, _signature(FRAME)) == []


def test_code_of_somebodys_own_gets_its_frames() -> None:
    """On arrays it may do another thing, and only with numbers that nobody tried."""
    large = FRAME.copy()
    large.loc[0, "a"] = 5.0
    for first in (Clipped(), FunctionTransformer(lambda data: data / np.maximum(data.max(), 1.0))):
        assert _parted(_pipeline(first, LinearRegression()), large) == []
        assert _parted(_pipeline(StandardScaler(), first, LinearRegression()), large) == []


def test_what_libraries_made_takes_arrays() -> None:
    """However deep: a calibrated neighbour behind a pipeline, but no code of somebody's own in its place."""
    for inner, names in ((KNeighborsClassifier(), ["arrays"]), (Own(), [])):
        model = CalibratedClassifierCV(make_pipeline(StandardScaler(), inner), cv=2).fit(FRAME, TARGET > 0)
        assert [each.name for each in candidates(model, _signature(FRAME))] == names


def test_on_arrays_sums_go_in_the_order_that_they_do_on_frames() -> None:
    """To the bit: a frame's columns lie one after the other in memory, and sums over them depend on it."""
    wide = pd.DataFrame(RANDOM.normal(size=(200, 40)), columns=[f"a{i}" for i in range(40)])
    signature = Signature(tuple(Column(name, "double") for name in wide))
    model = GaussianNB().fit(wide, wide["a0"] > 0)
    (arrays,) = candidates(model, signature)
    rows = Rows({name: wide[name].to_numpy() for name in wide}, len(wide))
    assert np.array_equal(arrays.answer(rows, "predict_proba").values, model.predict_proba(rows.frame()))


def test_the_widths_of_steps_must_fit() -> None:
    """A tree of more features than the request has would read beyond it."""
    array = Signature((), (Tensor("", "float64", (-1, 2)),))
    three = np.column_stack([FRAME, TARGET])
    assert candidates(DecisionTreeRegressor().fit(three[:, :2], TARGET), array) != []
    assert candidates(DecisionTreeRegressor().fit(three, TARGET), array) == []


def test_an_array_in_a_request_is_not_written_into() -> None:
    """Though a transformer may write into what it is given: the model itself may have to answer after it."""
    values = FRAME.to_numpy().copy()
    model = make_pipeline(PowerTransformer(copy=False), LinearRegression()).fit(values.copy(), TARGET)
    before = values.copy()
    chain = candidates(model, Signature((), (Tensor("", "float64", (-1, 2)),)))[0]
    chain.answer(Rows({"": values}, COUNT, tensors=True), "predict")
    assert np.array_equal(values, before)


def test_nodes_that_share_children_are_no_tree() -> None:
    """They would unfold to 2^depth nodes."""
    depth = 40
    below = np.array([*range(1, depth), -1])
    zeros = np.zeros(depth)
    tree = grove.Tree(below, below, zeros.astype(int), zeros, zeros.astype(bool), zeros, depth)
    with pytest.raises(Uncompilable):
        grove.Grove([tree])


def test_a_forest_of_too_many_nodes_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each worker would hold the copy for itself."""
    forest = RandomForestRegressor(5, random_state=0).fit(FRAME, TARGET)
    nodes = sum(each.tree_.node_count for each in forest.estimators_)
    for most, names in ((nodes, ["trees", "arrays"]), (nodes - 1, ["arrays"])):
        monkeypatch.setattr(trees, "_MOST_NODES", most)
        assert [each.name for each in candidates(forest, _signature(FRAME))] == names


def test_a_single_output_may_have_an_intercept_in_a_list() -> None:
    """As descent by single rows leaves it."""
    model = SGDRegressor(random_state=0).fit(FRAME, TARGET)
    assert candidates(model, _signature(FRAME))[0].name == "linear"


def test_whole_numbers_beyond_doubles_are_left_to_the_model() -> None:
    """XGBoost makes 32-bit floats of them at once; by way of doubles, one may be rounded to the other side."""
    import xgboost

    low, step = 2**60, 2**37
    frame = pd.DataFrame({"id": np.tile([low, low + step], 30)})
    model = xgboost.XGBRegressor(n_estimators=2, tree_method="exact").fit(frame, np.tile([0.0, 1.0], 30))
    (way,) = flavors.arrays(model, Signature((Column("id", "long"),)))
    for number in (low + step // 2 + 1, -(2**63)):
        with pytest.raises(Unfit):
            way.answer(Rows({"id": np.array([number])}, 1), "predict")
    small = Rows({"id": np.array([3])}, 1)
    assert np.array_equal(way.answer(small, "predict").values, model.predict(small.frame()))
