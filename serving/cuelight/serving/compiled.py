"""Quicker ways to the same answer, for common scikit-learn models. One serves only if the trial proved it equal.

Both take an array (rows, columns) of doubles in the signature's order: no DataFrame is made, and no column name is
checked on every call. `linear` is the prediction itself, ŷ = X·β + β₀, summed row by row, so that a row's answer does
not depend on how many rows stand beside it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cuelight.protocol.signature import Signature

LINEAR, ARRAYS = "linear", "arrays"
# Relative to the largest answer: a sum of products in another order may differ in the last bits.
TOLERANCE = 1e-10

_LINEAR = {
    ("sklearn.linear_model", name)
    for name in (
        "LinearRegression",
        "Ridge",
        "RidgeCV",
        "Lasso",
        "LassoCV",
        "ElasticNet",
        "ElasticNetCV",
        "BayesianRidge",
    )
} | {("cuelight.pipelines.descent", "GradientDescentRegressor")}


@dataclass(frozen=True)
class Compiled:
    """`model` answers on arrays as the original does on frames; `predict`, where there is one, is quicker still."""

    name: str
    model: Any
    predict: Callable[[Any], Any] | None = None


def candidates(model: Any, signature: Signature) -> list[Compiled]:
    """What may be quicker than `model`, the quickest first; none for columns that are not all doubles."""
    names = [each.name for each in signature.columns]
    if not names or any(each.type != "double" or not each.required for each in signature.columns):
        return []
    nameless = _without_names(model, names)
    if nameless is None:
        return []
    found = [Compiled(ARRAYS, nameless)]
    if _is_linear(model):
        found.insert(0, Compiled(LINEAR, nameless, _linear(model)))
    return found


def equal(one: Any, two: Any) -> bool:
    """The same answers, in the same form: labels to the bit, numbers within `TOLERANCE` of the largest."""
    if type(one) is not type(two) or list(getattr(one, "columns", ())) != list(getattr(two, "columns", ())):
        return False
    if isinstance(one, dict):
        return list(one) == list(two) and all(equal(each, two[name]) for name, each in one.items())
    first, second = np.asarray(one), np.asarray(two)
    if first.shape != second.shape or first.dtype != second.dtype:
        return False
    if first.dtype.kind != "f":
        return bool(np.array_equal(first, second))
    scale = float(np.max(np.abs(first), initial=0.0))
    return bool(np.all(np.abs(first - second) <= TOLERANCE * scale))


def probes(rows: Any, count: int = 256) -> Any:
    """Rows (count, columns) around `rows`: each column's values drawn anew, and strayed from; always the same."""
    generator = np.random.default_rng(0)
    drawn = np.column_stack([generator.choice(column, count) for column in rows.T])
    spread = np.maximum(np.abs(rows).max(axis=0), 1.0)
    drawn[count // 2 :] += generator.normal(size=(count - count // 2, rows.shape[1])) * spread
    return drawn


def _is_linear(model: Any) -> bool:
    kind = type(model)
    known = any(kind.__name__ == name and kind.__module__.startswith(module) for module, name in _LINEAR)
    return known and hasattr(model, "coef_") and np.ndim(model.coef_) == 1


def _linear(model: Any) -> Callable[[Any], Any]:
    coefficients, intercept = np.array(model.coef_, dtype=np.float64), float(np.asarray(model.intercept_).item())

    def predict(rows: Any) -> Any:
        return np.einsum("ij,j->i", rows, coefficients) + intercept

    return predict


def _without_names(model: Any, names: list[str]) -> Any:
    """A copy that takes arrays without a warning; None if it was fitted on other columns, or picks them by name."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    if isinstance(model, Pipeline):
        first = _without_names(model.steps[0][1], names)
        if first is None or any(isinstance(step, ColumnTransformer) for _, step in model.steps):
            return None
        clone = copy.copy(model)
        clone.steps = [(model.steps[0][0], first), *model.steps[1:]]
        return clone
    if isinstance(model, ColumnTransformer) or list(getattr(model, "feature_names_in_", [])) != names:
        return None
    clone = copy.copy(model)
    del clone.feature_names_in_
    return clone
