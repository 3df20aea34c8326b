"""Compiled ways answer as the model does: labels and trees to the bit, sums of products within the tolerance."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Ridge,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cuelight.protocol.rows import Rows
from cuelight.protocol.signature import Column, Signature, Tensor
from cuelight.serving.versions.compiled import Compiled, Unfit, candidates, equal
from tests.unit.serving.versions.cases import (
    CASES,
    COUNT,
    FRAME,
    MIXED,
    MIXED_SIGNATURE,
    MIXED_TARGET,
    SIGNATURE,
    TARGET,
    TWO,
    Case,
    as_rows,
    fitted,
)


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
    case, compiled = fitted(name)
    whole = case.frame.dropna()
    for count in (1, 2, 7, 64, len(whole)):
        assert _same(case, compiled, as_rows(whole[:count]))
    assert ("predict_proba" in compiled.methods) == hasattr(case.model, "predict_proba")


@pytest.mark.parametrize("name", [each for each, case in CASES.items() if case.frame is not MIXED and case.exact])
def test_ties_at_thresholds_go_the_same_way(name: str) -> None:
    """Rows that are the thresholds themselves, and their nearest neighbours in 32 and 64 bits."""
    case, compiled = fitted(name)
    columns = {}
    for each in case.frame:
        edges = compiled.known.get(each, np.zeros(1)) if each != "loyal" else np.zeros(1)
        edges = edges[np.isfinite(edges)]
        single = edges.astype(np.float32)
        near = [np.nextafter(single, np.float32(side)) for side in (-np.inf, np.inf)]
        near += [np.nextafter(edges, side) for side in (-np.inf, np.inf)]
        columns[each] = np.resize(np.concatenate([edges, single, *near]), 400)
    assert _same(case, compiled, as_rows(pd.DataFrame(columns)))


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
    case, compiled = fitted(name)
    frame = pd.DataFrame(rows, columns=FRAME.columns, dtype=np.float64)
    try:
        case.model.predict(frame)
    except ValueError:
        with pytest.raises(Unfit):
            compiled.answer(as_rows(frame), "predict")
    else:
        _same(case, compiled, as_rows(frame))


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
    case, compiled = fitted(name)
    rows = as_rows(pd.DataFrame(people)[MIXED.columns])
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
    case, _ = fitted("usual")
    turned = Signature(tuple(reversed(MIXED_SIGNATURE.columns)))
    frame = MIXED[MIXED.columns[::-1]][:9]
    assert _same(case, candidates(case.model, turned)[0], as_rows(frame))


def test_an_array_as_input() -> None:
    """A model fitted on an array, whose signature is a tensor."""
    model = RandomForestClassifier(9, random_state=0).fit(FRAME.to_numpy(), TWO)
    (compiled,) = candidates(model, Signature(tensors=(Tensor("", "float64", (-1, 4)),)))
    found = compiled.answer(Rows({"": FRAME.to_numpy()}, COUNT, tensors=True), "predict")
    assert np.array_equal(found.values, model.predict(FRAME.to_numpy()))
    assert candidates(model, Signature(tensors=(Tensor("", "float32", (-1, 4)),))) == []


def test_many_rows_go_to_the_model_itself() -> None:
    """Beyond the rows where array code is quicker, the answers stay the same."""
    case, compiled = fitted("HistGradientBoostingRegressor")
    frame = pd.concat([FRAME] * 9, ignore_index=True)
    assert _same(case, compiled, as_rows(frame))


def test_a_row_is_one_sum_however_many_stand_beside_it() -> None:
    """For a single sum of products, to the bit."""
    _, compiled = fitted("LinearRegression")
    rows = as_rows(FRAME)
    alone = [compiled.answer(as_rows(FRAME[i : i + 1]), "predict").values for i in range(COUNT)]
    assert np.array_equal(compiled.answer(rows, "predict").values, np.concatenate(alone))


def test_near_ties_are_left_to_the_model() -> None:
    """A row on the border between two classes: rounding could tell them apart wrongly."""
    model = LogisticRegression().fit(FRAME, TWO)
    model.coef_, model.intercept_ = np.array([[0.1, 0.2, -0.3, 0.0]]), np.zeros(1)
    compiled = candidates(model, SIGNATURE)[0]
    with pytest.raises(Unfit):
        compiled.answer(as_rows(pd.DataFrame([[1.0, 1.0, 1.0, 5.0]], columns=FRAME.columns)), "predict")


@pytest.mark.parametrize("name", ["usual", "chosen", "HistGradientBoostingClassifier of 3"])
def test_threads_do_not_mix_answers(name: str) -> None:
    """Many calls at once, each of other rows, answer as one after the other."""
    case, compiled = fitted(name)
    parts = [as_rows(case.frame.dropna()[i : i + 5]) for i in range(0, 150, 5)]

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
    assert np.array_equal(arrays.answer(as_rows(FRAME), "predict").values, model.predict(FRAME))
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
