"""Models that have a compiled way, with what they are fitted on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
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
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from cuelight.pipelines.descent import GradientDescentRegressor
from cuelight.protocol.rows import Rows
from cuelight.protocol.signature import Column, Signature
from cuelight.serving.versions.compiled import Compiled, candidates

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
    few: dict[type[Any], dict[str, int]] = {
        DecisionTreeClassifier: {},
        RandomForestClassifier: {"n_estimators": 9},
        ExtraTreesClassifier: {"n_estimators": 9},
        GradientBoostingClassifier: {"n_estimators": 9},
        HistGradientBoostingClassifier: {"max_iter": 9},
    }
    for kind, size in few.items():
        for target in (TWO, THREE):
            name = f"{kind.__name__} of {len(np.unique(target))}"
            yield name, Case(kind(random_state=0, max_depth=5, **size), FRAME, target, "trees", exact=True)
    yield "forest with gaps", Case(RandomForestClassifier(9, random_state=0), GAPS, TWO, "trees", exact=True)
    yield "boosting with gaps", Case(HistGradientBoostingRegressor(max_iter=9), GAPS, TARGET, "trees", exact=True)
    poisson = HistGradientBoostingRegressor(loss="poisson", max_iter=9)
    yield "poisson", Case(poisson, FRAME, np.abs(TARGET), "trees", exact=True)


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
def fitted(name: str) -> tuple[Case, Compiled]:
    """A case with its model fitted, and the quickest way to its answers."""
    case = CASES[name]
    case.model.fit(case.frame, case.target)
    types = {"age": "long", "loyal": "boolean", "floor": "integer", "plan": "string", "town": "string"}
    columns = tuple(Column(each, types.get(each, "double")) for each in case.frame)
    first = candidates(case.model, Signature(columns))[0]
    assert first.name == case.way
    return case, first


def as_rows(frame: pd.DataFrame) -> Rows:
    """The columns as a request's decoder makes them."""
    kinds: dict[str, Any] = {"age": np.int64, "loyal": np.bool_, "floor": np.int32, "plan": object, "town": object}
    return Rows({name: frame[name].to_numpy(kinds.get(name, np.float64)) for name in frame}, len(frame))
