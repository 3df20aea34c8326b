"""Tests of gradient descent against closed forms and scikit-learn's own solvers."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso, Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from cuelight.pipelines.descent import GradientDescentRegressor


@pytest.fixture(scope="module")
def data() -> tuple[Any, Any]:
    """The classic data, moved away from 0 so that the intercept matters."""
    rows, target = make_regression(n_samples=1000, n_features=5, noise=0.1, random_state=42)
    return rows + 3.0, target + 7.0


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [
        GradientDescentRegressor(),
        GradientDescentRegressor(penalty="l2"),
        GradientDescentRegressor(penalty="l1"),
        GradientDescentRegressor(batch_size=16, max_iter=2000, random_state=0),
    ]
)
def test_keeps_the_rules_of_an_estimator(estimator: Any, check: Any) -> None:
    """The estimator passes each of scikit-learn's own checks, whatever its penalty and batches.

    One of them skips itself unless SciPy was told to take array APIs (`SCIPY_ARRAY_API=1`), which serving does not do.
    """
    check(estimator)


def test_no_penalty_finds_the_least_squares(data: tuple[Any, Any]) -> None:
    """Without a penalty the coefficients are those of the normal equations."""
    rows, target = data
    model = GradientDescentRegressor().fit(rows, target)
    exact = np.linalg.lstsq(np.c_[rows, np.ones(len(rows))], target, rcond=None)[0]
    assert np.abs(model.coef_ - exact[:-1]).max() < 1e-3
    assert abs(model.intercept_ - exact[-1]) < 1e-3


@pytest.mark.parametrize("strength", [0.01, 0.5, 10.0])
def test_l2_finds_the_closed_form(data: tuple[Any, Any], strength: float) -> None:
    """With L2 the coefficients solve (XᵀX/n + λI) β = Xᵀy/n on centred data, which is Ridge at alpha = nλ."""
    rows, target = data
    model = GradientDescentRegressor(penalty="l2", strength=strength).fit(rows, target)
    centred, level = rows - rows.mean(axis=0), target - target.mean()
    n = len(rows)
    exact = np.linalg.solve(centred.T @ centred / n + strength * np.eye(5), centred.T @ level / n)
    ridge = Ridge(alpha=n * strength).fit(rows, target)
    assert np.abs(model.coef_ - exact).max() < 1e-3
    assert np.abs(model.coef_ - ridge.coef_).max() < 1e-3
    assert abs(model.intercept_ - ridge.intercept_) < 1e-3


@pytest.mark.parametrize("strength", [0.1, 5.0, 60.0])
def test_l1_finds_what_lasso_finds(data: tuple[Any, Any], strength: float) -> None:
    """With L1 the coefficients are those of Lasso at alpha = λ/2, exact zeros included."""
    rows, target = data
    model = GradientDescentRegressor(penalty="l1", strength=strength).fit(rows, target)
    lasso = Lasso(alpha=strength / 2, tol=1e-10, max_iter=100_000).fit(rows, target)
    assert np.abs(model.coef_ - lasso.coef_).max() < 1e-3
    assert np.array_equal(model.coef_ == 0.0, lasso.coef_ == 0.0)


def test_a_strong_l1_penalty_removes_features(data: tuple[Any, Any]) -> None:
    """A λ large enough leaves some coefficients exactly zero: the case the test above would miss if none were."""
    model = GradientDescentRegressor(penalty="l1", strength=60.0).fit(*data)
    assert 0 < np.count_nonzero(model.coef_ == 0.0) < 5


@pytest.mark.parametrize(("penalty", "strength"), [(None, 0.0), ("l2", 0.5), ("l1", 5.0)])
def test_mini_batches_reach_the_same_minimum(data: tuple[Any, Any], penalty: str | None, strength: float) -> None:
    """Mini-batches with their decaying step end where the whole batch ends."""
    whole = GradientDescentRegressor(penalty=penalty, strength=strength).fit(*data)
    settings: dict[str, Any] = {"penalty": penalty, "strength": strength, "batch_size": 32, "random_state": 0}
    model = GradientDescentRegressor(max_iter=600, tol=1e-9, **settings)
    with pytest.warns(ConvergenceWarning):
        model.fit(*data)
    assert np.abs(model.coef_ - whole.coef_).max() < 1e-3


def test_a_given_step_is_used_and_one_too_large_is_named(data: tuple[Any, Any]) -> None:
    """A small step of the caller's converges; one beyond 2/L diverges, and the error says what to try."""
    assert GradientDescentRegressor(learning_rate=0.1).fit(*data).score(*data) > 0.999
    with pytest.raises(ValueError, match="too large; try 'auto'"), np.errstate(all="ignore"):
        GradientDescentRegressor(learning_rate=5.0).fit(*data)


def test_too_few_passes_are_reported(data: tuple[Any, Any]) -> None:
    """A fit that has not converged warns, as scikit-learn's own do."""
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        GradientDescentRegressor(max_iter=2).fit(*data)


def test_brings_nothing_heavy_into_serving() -> None:
    """Importing the module loads neither MLflow nor matplotlib nor the rest of the pipelines."""
    code = (
        "import sys, cuelight.pipelines.descent; "
        "print([m for m in ('mlflow', 'matplotlib', 'rich', 'cuelight.registry') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
