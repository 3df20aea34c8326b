"""Compiled ways answer as the model does: labels and trees to the bit, sums of products within the tolerance."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    BayesianRidge,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from cuelight.pipelines.descent import GradientDescentRegressor
from cuelight.protocol.rows import Rows
from cuelight.protocol.signature import Column, Signature, Tensor
from cuelight.serving.compiled import Compiled, Unfit, candidates, equal

RANDOM = np.random.default_rng(0)
COUNT = 240
# Two decimals: the same numbers come again, so that trees split where rows are equal.
FRAME = pd.DataFrame(RANDOM.normal(size=(COUNT, 4)).round(2), columns=list("abcd"))
TARGET = FRAME.to_numpy() @ [1.0, -2.0, 3.0, 0.0] + (FRAME["a"] > 0) * FRAME["b"]
TWO, THREE = np.where(TARGET > 0, "yes", "no"), np.digitize(TARGET, [-2, 2])
GAPS = FRAME.mask(FRAME > 1.5)
SIGNATURE = Signature(tuple(Column(name, "double") for name in FRAME))

MIXED = pd.DataFrame(
    {
        "age": RANDOM.integers(18, 90, COUNT),
        "paid": np.where(RANDOM.random(COUNT) < 0.1, np.nan, RANDOM.normal(100, 30, COUNT)),
        "debt": RANDOM.normal(size=COUNT),
        "loyal": RANDOM.random(COUNT) < 0.5,
        "plan": RANDOM.choice(["basic", "plus", "top"], COUNT),
        "town": RANDOM.choice(["Bath", "York", "Ely", "Hull"], COUNT),
        "floor": RANDOM.choice([1, 2, 5], COUNT),
    }
)
TYPES = {"age": "long", "paid": "double", "debt": "double", "loyal": "boolean", "floor": "integer"}
MIXED_SIGNATURE = Signature(tuple(Column(name, TYPES.get(name, "string")) for name in MIXED))
MIXED_TARGET = MIXED["age"] / 20 + MIXED["debt"] + (MIXED["plan"] == "top") * 2 + MIXED["loyal"]
MIXED_TWO = np.where(MIXED_TARGET > 4, "stays", "goes")
NUMBERS, TEXTS = ["age", "debt"], ["plan", "town"]


@dataclass(frozen=True)
class Case:
    """A model with what it is fitted on; `exact`: all its numbers agree to the bit."""

    model: Any
    frame: pd.DataFrame
    target: Any
    way: str
    exact: bool = False


def _plain() -> Iterator[tuple[str, Case]]:
    pair = np.column_stack([TARGET, -TARGET])
    linear = [LinearRegression(), Ridge(), Lasso(), BayesianRidge(), GradientDescentRegressor()]
    yield from ((type(each).__name__, Case(each, FRAME, TARGET, "linear")) for each in linear)
    yield "two outputs", Case(LinearRegression(), FRAME, pair, "linear")
    classifiers = [LogisticRegression(), LinearSVC(), RidgeClassifier(), LinearDiscriminantAnalysis()]
    classifiers += [SGDClassifier(loss="log_loss", random_state=0), SGDClassifier(random_state=0)]
    for i, each in enumerate(classifiers):
        for target in (TWO, THREE):
            name = f"{type(each).__name__} {i} of {len(np.unique(target))}"
            yield name, Case(type(each)(**each.get_params()), FRAME, target, "linear")
    yield "KMeans", Case(KMeans(3, n_init=1, random_state=0), FRAME, None, "linear")
    yield "scaled", Case(make_pipeline(StandardScaler(), LogisticRegression()), FRAME, TWO, "columns, linear")
    yield "rotated", Case(make_pipeline(PCA(2), Ridge()), FRAME, TARGET, "columns, linear")
    trees: list[Any] = [DecisionTreeRegressor(max_depth=6), RandomForestRegressor(12), ExtraTreesRegressor(5)]
    trees += [GradientBoostingRegressor(n_estimators=20), HistGradientBoostingRegressor(max_iter=20)]
    for each in trees:
        each.set_params(random_state=0)
        yield type(each).__name__, Case(each, FRAME, TARGET, "trees", exact=True)
    kinds = [DecisionTreeClassifier, RandomForestClassifier, ExtraTreesClassifier]
    kinds += [GradientBoostingClassifier, HistGradientBoostingClassifier]
    for kind in kinds:
        for target in (TWO, THREE):
            few = (
                {"max_iter": 9}
                if "Hist" in kind.__name__
                else {"n_estimators": 9}
                if "Tree" not in kind.__name__[:12]
                else {}
            )
            few = few if kind is not ExtraTreesClassifier else {"n_estimators": 9}
            name = f"{kind.__name__} of {len(np.unique(target))}"
            yield name, Case(kind(random_state=0, max_depth=5, **few), FRAME, target, "trees", exact=True)
    yield "forest with gaps", Case(RandomForestClassifier(9, random_state=0), GAPS, TWO, "trees", exact=True)
    yield "boosting with gaps", Case(HistGradientBoostingRegressor(max_iter=9), GAPS, TARGET, "trees", exact=True)
    yield (
        "poisson",
        Case(HistGradientBoostingRegressor(loss="poisson", max_iter=9), FRAME, np.abs(TARGET), "trees", True),
    )


def _mixed() -> Iterator[tuple[str, Case]]:
    hot = OneHotEncoder(handle_unknown="ignore")
    usual = make_column_transformer((StandardScaler(), NUMBERS), (hot, TEXTS))
    yield "usual", Case(make_pipeline(usual, LogisticRegression()), MIXED, MIXED_TWO, "columns, linear")
    dense = ColumnTransformer(
        [
            ("range", MinMaxScaler(), ["age"]),
            ("fill", make_pipeline(SimpleImputer(strategy="median"), RobustScaler()), ["debt", "paid"]),
            ("code", OneHotEncoder(drop="first", sparse_output=False), TEXTS),
            ("level", OneHotEncoder(drop="if_binary", handle_unknown="ignore"), ["floor"]),
        ],
        remainder="passthrough",
    )
    yield "nested", Case(make_pipeline(dense, Ridge()), MIXED, MIXED_TARGET, "columns, linear")
    chosen = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="most_frequent"), hot), make_column_selector(dtype_include="str")),
        (make_pipeline(SimpleImputer(), StandardScaler(with_mean=False)), make_column_selector(dtype_include="number")),
    )
    forest = RandomForestClassifier(9, max_depth=6, random_state=0)
    yield "chosen", Case(make_pipeline(chosen, forest), MIXED, MIXED_TWO, "columns, trees", exact=True)
    coded = ColumnTransformer(
        [
            ("plan", OrdinalEncoder(), ["plan"]),
            ("town", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["town"]),
            ("left", "drop", ["age"]),
        ],
        remainder="passthrough",
    )
    boosted = HistGradientBoostingClassifier(max_iter=9)
    yield "coded", Case(make_pipeline(coded, boosted), MIXED, MIXED_TWO, "columns, trees", exact=True)
    rare = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=70)
    grouped = make_column_transformer((rare, TEXTS), ("passthrough", NUMBERS))
    yield "grouped", Case(make_pipeline(grouped, LogisticRegression()), MIXED, MIXED_TWO, "columns, linear")
    yield "whole", Case(RandomForestRegressor(5), MIXED[["age", "debt", "loyal"]], MIXED_TARGET, "trees", exact=True)


CASES = {**dict(_plain()), **dict(_mixed())}


@cache
def _fitted(name: str) -> tuple[Case, Compiled]:
    case = CASES[name]
    case.model.fit(case.frame, case.target)
    types = {"age": "long", "loyal": "boolean", "floor": "integer", "plan": "string", "town": "string"}
    columns = tuple(Column(each, types.get(each, "double")) for each in case.frame)
    first = candidates(case.model, Signature(columns))[0]
    assert first.name == case.way
    return case, first


def _rows(frame: pd.DataFrame) -> Rows:
    """The columns as a request's decoder makes them."""
    kinds: dict[str, Any] = {"age": np.int64, "loyal": np.bool_, "floor": np.int32, "plan": object, "town": object}
    return Rows({name: frame[name].to_numpy(kinds.get(name, np.float64)) for name in frame}, len(frame))


def _same(case: Case, compiled: Compiled, rows: Rows) -> bool:
    """Compare all methods on `rows`; False where the compiled way leaves them to the model."""
    for method in compiled.methods:
        try:
            found = compiled.answer(rows, method)
        except Unfit:
            return False
        expected = getattr(case.model, method)(rows.frame())
        assert found.values.dtype == expected.dtype
        assert np.array_equal(expected, found.values) if case.exact else equal(expected, found.values)
        if found.shares is not None:
            shares = case.model.predict_proba(rows.frame())
            assert np.array_equal(shares, found.shares) if case.exact else equal(shares, found.shares)
        alone = compiled.answer(Rows({name: each[-1:] for name, each in rows.columns.items()}, 1), method)
        assert equal(found.values[-1:], alone.values) or not case.exact
    return True


@pytest.mark.parametrize("name", CASES)
def test_it_answers_as_the_model_does(name: str) -> None:
    """All methods on the rows that it was fitted on, one alone and many, without leaving them to the model."""
    case, compiled = _fitted(name)
    whole = case.frame.dropna()
    for count in (1, 2, 7, 64, len(whole)):
        assert _same(case, compiled, _rows(whole[:count]))
    assert ("predict_proba" in compiled.methods) == hasattr(case.model, "predict_proba")


@pytest.mark.parametrize("name", [each for each, case in CASES.items() if case.frame is not MIXED and case.exact])
def test_ties_at_thresholds_go_the_same_way(name: str) -> None:
    """Rows that are the thresholds themselves, and their nearest neighbours in 32 and 64 bits."""
    case, compiled = _fitted(name)
    columns = {}
    for each in case.frame:
        edges = compiled.known.get(each, np.zeros(1)) if each != "loyal" else np.zeros(1)
        edges = edges[np.isfinite(edges)]
        single = edges.astype(np.float32)
        near = [np.nextafter(single, np.float32(side)) for side in (-np.inf, np.inf)]
        near += [np.nextafter(edges, side) for side in (-np.inf, np.inf)]
        columns[each] = np.resize(np.concatenate([edges, single, *near]), 400)
    assert _same(case, compiled, _rows(pd.DataFrame(columns)))


NUMBER = st.one_of(
    st.floats(-5, 5),
    st.floats(allow_infinity=False, allow_nan=False),
    st.just(float("nan")),
    st.sampled_from([0.0, -0.0]),
)


@pytest.mark.parametrize("name", [each for each, case in CASES.items() if case.frame.columns is FRAME.columns])
@given(rows=st.lists(st.tuples(NUMBER, NUMBER, NUMBER, NUMBER), min_size=1, max_size=6))
@settings(max_examples=12, deadline=None, phases=[Phase.generate])
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
def test_any_numbers(name: str, rows: list[tuple[float, ...]]) -> None:
    """Whatever the numbers, an answer is the model's; and where the model raises, there is none."""
    case, compiled = _fitted(name)
    frame = pd.DataFrame(rows, columns=FRAME.columns, dtype=np.float64)
    try:
        case.model.predict(frame)
    except ValueError:
        with pytest.raises(Unfit):
            compiled.answer(_rows(frame), "predict")
    else:
        _same(case, compiled, _rows(frame))


PEOPLE = st.fixed_dictionaries(
    {
        "age": st.one_of(st.integers(0, 100), st.integers(-(2**63), 2**63 - 1)),
        "paid": NUMBER,
        "debt": st.floats(-5, 5),
        "loyal": st.booleans(),
        "plan": st.sampled_from(["basic", "plus", "top", "", "unheard of"]),
        "town": st.sampled_from(["Bath", "York", "Ely", "Hull", "Nowhere", None]),
        "floor": st.sampled_from([1, 2, 5, 9]),
    }
)


@pytest.mark.parametrize("name", [each for each, case in CASES.items() if case.frame is MIXED])
@given(people=st.lists(PEOPLE, min_size=1, max_size=5))
@settings(max_examples=20, deadline=None, phases=[Phase.generate])
def test_any_columns(name: str, people: list[dict[str, Any]]) -> None:
    """Unknown categories, nulls, gaps and huge numbers: the model's answer, or left to the model."""
    case, compiled = _fitted(name)
    rows = _rows(pd.DataFrame(people)[MIXED.columns])
    towns = np.array([each["town"] for each in people], dtype=object)  # pandas would make NaN of null
    rows = Rows({**rows.columns, "town": towns}, len(people))
    try:
        case.model.predict(rows.frame())
    except ValueError:
        with pytest.raises(Unfit):
            compiled.answer(rows, "predict")
    else:
        _same(case, compiled, rows)


def test_columns_are_taken_by_name() -> None:
    """The order of a request's columns, and more of them, do not matter to a `ColumnTransformer`."""
    case, _ = _fitted("usual")
    turned = Signature(tuple(reversed(MIXED_SIGNATURE.columns)))
    frame = MIXED[MIXED.columns[::-1]][:9]
    assert _same(case, candidates(case.model, turned)[0], _rows(frame))


def test_an_array_as_input() -> None:
    """A model fitted on an array, whose signature is a tensor."""
    model = RandomForestClassifier(9, random_state=0).fit(FRAME.to_numpy(), TWO)
    (compiled,) = candidates(model, Signature(tensors=(Tensor("", "float64", (-1, 4)),)))
    found = compiled.answer(Rows({"": FRAME.to_numpy()}, COUNT, tensors=True), "predict")
    assert np.array_equal(found.values, model.predict(FRAME.to_numpy()))
    assert candidates(model, Signature(tensors=(Tensor("", "float32", (-1, 4)),))) == []


def test_many_rows_go_to_the_model_itself() -> None:
    """Beyond the rows where array code is quicker, the answers stay the same."""
    case, compiled = _fitted("HistGradientBoostingRegressor")
    frame = pd.concat([FRAME] * 9, ignore_index=True)
    assert _same(case, compiled, _rows(frame))


def test_a_row_is_one_sum_however_many_stand_beside_it() -> None:
    """For a single sum of products, to the bit."""
    _, compiled = _fitted("LinearRegression")
    rows = _rows(FRAME)
    alone = [compiled.answer(_rows(FRAME[i : i + 1]), "predict").values for i in range(COUNT)]
    assert np.array_equal(compiled.answer(rows, "predict").values, np.concatenate(alone))


def test_near_ties_are_left_to_the_model() -> None:
    """A row on the border between two classes: rounding could tell them apart wrongly."""
    model = LogisticRegression().fit(FRAME, TWO)
    model.coef_, model.intercept_ = np.array([[0.1, 0.2, -0.3, 0.0]]), np.zeros(1)
    compiled = candidates(model, SIGNATURE)[0]
    with pytest.raises(Unfit):
        compiled.answer(_rows(pd.DataFrame([[1.0, 1.0, 1.0, 5.0]], columns=FRAME.columns)), "predict")


@pytest.mark.parametrize("name", ["usual", "chosen", "HistGradientBoostingClassifier of 3"])
def test_threads_do_not_mix_answers(name: str) -> None:
    """Many calls at once, each of other rows, answer as one after the other."""
    case, compiled = _fitted(name)
    parts = [_rows(case.frame.dropna()[i : i + 5]) for i in range(0, 150, 5)]

    def call(rows: Rows) -> Any:
        return compiled.answer(rows, "predict_proba").values

    expected = [call(part) for part in parts]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            found = list(pool.map(call, parts))
            assert all(np.array_equal(one, two) for one, two in zip(expected, found, strict=True))


@pytest.mark.filterwarnings("error")
def test_models_without_array_code_take_arrays_without_a_warning() -> None:
    """No DataFrame is made; and the model itself keeps its names."""
    model = KNeighborsClassifier().fit(FRAME, TWO)
    (arrays,) = candidates(model, SIGNATURE)
    assert arrays.name == "arrays"
    assert np.array_equal(arrays.answer(_rows(FRAME), "predict").values, model.predict(FRAME))
    assert list(model.feature_names_in_) == list(FRAME.columns)


class Odd(LinearRegression):  # type: ignore[misc]
    """A class of somebody's own: it may do anything."""


def test_what_has_no_quicker_way() -> None:
    """Fitted on other columns, 32-bit floats in a sum, splits by category, a class of somebody's own, not fitted."""
    swapped = LinearRegression().fit(FRAME[["b", "a", "c", "d"]], TARGET)
    usual = LinearRegression().fit(FRAME, TARGET)
    floats = Signature(tuple(Column(name, "float") for name in FRAME))
    times = Signature(tuple(Column(name, "datetime") for name in FRAME))
    towns = MIXED[["town"]].astype("category")
    categories = HistGradientBoostingRegressor(max_iter=3, categorical_features=["town"]).fit(towns, MIXED_TARGET)
    picky = make_pipeline(make_column_transformer((StandardScaler(), ["gone"])), Ridge())
    for model, signature in [
        (swapped, SIGNATURE),
        (usual, floats),
        (usual, times),
        (usual, Signature()),
        (categories, Signature((Column("town", "string"),))),
        (picky, SIGNATURE),
        (LinearRegression(), SIGNATURE),
        (None, SIGNATURE),
        (Odd().fit(FRAME, TARGET), SIGNATURE),
    ]:
        assert candidates(model, signature) == []


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
        ([1.0, float("-inf")], [1.0, float("-inf")], True),
        ([1.0, float("-inf")], [1.0, float("inf")], False),
        ([1.0, float("-inf")], [1.0, -1e300], False),
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
