"""Linear regression by gradient descent. Imports NumPy and scikit-learn alone: models bring this into serving."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

Vector = NDArray[np.float64]


class GradientDescentRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Least squares by batch or mini-batch gradient descent, β ← β - step · ∂J/∂β, plain or with an L2 or L1 penalty.

    J(β) = (1/n) Σ (y - ŷ)² + λ Σ β² ("l2") or + λ Σ |β| ("l1"). The intercept is not penalised. On the same data
    "l2" has the minimum of scikit-learn's `Ridge(alpha=n·λ)`, and "l1" that of `Lasso(alpha=λ/2)`.

    With "l1" each gradient step on the squared error is followed by soft thresholding, the proximal step of ISTA
    (Beck and Teboulle, 2009, doi:10.1137/080716542): a subgradient would circle round the minimum and never give
    an exact zero.

    Parameters:
        penalty: None, "l2" or "l1".
        strength: λ of the penalty, at least 0.
        learning_rate: the step, or "auto": 1/L, where L bounds the curvature of what one step looks at: the
            largest eigenvalue of the Hessian for the whole batch; for mini-batches the expected smoothness of
            sampling without replacement (Gower et al., 2019, arXiv:1901.09401, proposition 3.8).
        batch_size: rows a step looks at; None: all. Mini-batches are reshuffled every epoch, and their step decays
            as step / (1 + epoch), since with a constant one the iterates would stay noisy.
        max_iter: most passes over the data.
        tol: stop when a pass moves the coefficients by less than `tol` of the largest of them, per unit of step.
        fit_intercept: whether to learn an intercept.
        random_state: seed of the mini-batches.

    Attributes:
        coef_: array of shape (features,).
        intercept_: float.
        n_iter_: passes over the data that were made.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "penalty": [StrOptions({"l1", "l2"}), None],
        "strength": [Interval(Real, 0, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        penalty: str | None = None,
        strength: float = 0.01,
        learning_rate: float | str = "auto",
        batch_size: int | None = None,
        max_iter: int = 10_000,
        tol: float = 1e-6,
        fit_intercept: bool = True,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.penalty = penalty
        self.strength = strength
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803 - scikit-learn's name
        """Minimise J on `X` of shape (rows, features) and `y` of shape (rows,)."""
        self._validate_params()
        rows, target = validate_data(self, X, y, y_numeric=True, dtype=np.float64)
        target = np.asarray(target, dtype=np.float64)
        # The intercept is free, so at the minimum it makes the residuals' mean 0: centring solves for it exactly.
        centre = rows.mean(axis=0) if self.fit_intercept else np.zeros(rows.shape[1])
        level = float(target.mean()) if self.fit_intercept else 0.0
        self.coef_, self.n_iter_ = self._descend(rows - centre, target - level)
        self.intercept_ = level - float(centre @ self.coef_)
        return self

    def predict(self, X: ArrayLike) -> Vector:  # noqa: N803 - scikit-learn's name
        """Predictions of shape (rows,) for `X` of shape (rows, features)."""
        check_is_fitted(self)
        rows: Vector = validate_data(self, X, dtype=np.float64, reset=False)
        predictions: Vector = rows @ self.coef_ + self.intercept_
        return predictions

    def _descend(self, rows: Vector, target: Vector) -> tuple[Vector, int]:
        count, width = rows.shape
        batch = min(self.batch_size or count, count)
        start = self._step(rows, batch)
        random = check_random_state(self.random_state)
        coefficients = np.zeros(width)
        for epoch in range(self.max_iter):
            step = start if batch == count else start / (1.0 + epoch)
            before = coefficients
            order = np.arange(count) if batch == count else random.permutation(count)
            for first in range(0, count, batch):
                chosen = slice(None) if batch == count else order[first : first + batch]
                share = min(batch, count - first) / batch  # a last batch of fewer rows must not count for more
                coefficients = self._move(coefficients, rows[chosen], target[chosen], step * share)
            if not np.all(np.isfinite(coefficients)):
                raise ValueError(f"The descent diverged: learning_rate={self.learning_rate} is too large; try 'auto'.")
            moved = float(np.max(np.abs(coefficients - before), initial=0.0)) * start / step
            if moved <= self.tol * float(np.max(np.abs(coefficients), initial=0.0)):
                return coefficients, epoch + 1
        message = f"Not converged after max_iter={self.max_iter} passes; scale the features or allow more."
        warnings.warn(message, ConvergenceWarning, stacklevel=3)
        return coefficients, self.max_iter

    def _move(self, coefficients: Vector, rows: Vector, target: Vector, step: float) -> Vector:
        """One step: the gradient of the smooth part, then for L1 the proximal step."""
        gradient = (2.0 / len(rows)) * (rows.T @ (rows @ coefficients - target))
        if self.penalty == "l2":
            gradient = gradient + 2.0 * self.strength * coefficients
        moved = coefficients - step * gradient
        if self.penalty == "l1":
            moved = np.sign(moved) * np.maximum(np.abs(moved) - step * self.strength, 0.0)
        return np.asarray(moved, dtype=np.float64)

    def _step(self, rows: Vector, batch: int) -> float:
        if self.learning_rate != "auto":
            return float(self.learning_rate)
        count = len(rows)
        whole = 2.0 * float(np.linalg.norm(rows, ord=2)) ** 2 / count
        single = 2.0 * float(np.max(np.einsum("ij,ij->i", rows, rows), initial=0.0))
        curvature = whole
        if batch < count:
            curvature = (count * (batch - 1) * whole + (count - batch) * single) / (batch * (count - 1))
        if self.penalty == "l2":
            curvature += 2.0 * self.strength
        return 1.0 / curvature if curvature > 0.0 else 1.0
