"""Linear models as sums of products: ŷ = X·β + β₀.

A single sum is made row by row, so that a row's answer does not depend on how many rows stand beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit

from cuelight.serving.versions.compiled.parts import Answer, Array, Estimator, Matrix, Uncompilable, Unfit, kind

LINEAR = "linear"
_REGRESSORS = {
    *("LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "LassoLars", "ElasticNet", "ElasticNetCV", "Lars"),
    *("MultiTaskLasso", "MultiTaskElasticNet", "BayesianRidge", "ARDRegression", "HuberRegressor", "SGDRegressor"),
    *("TheilSenRegressor", "OrthogonalMatchingPursuit", "LinearSVR", "GradientDescentRegressor"),
}
_LOGISTIC = {"LogisticRegression", "LogisticRegressionCV", "LinearDiscriminantAnalysis"}
_CLASSIFIERS = {"RidgeClassifier", "RidgeClassifierCV", "LinearSVC", "Perceptron", "SGDClassifier"} | _LOGISTIC
# Where two classes are nearer than this, relative to what was summed, rounding could tell them apart wrongly.
_MARGIN = 1e-12
# From so many sums on, BLAS is quicker; the last bits of a row's sums then depend on the rows beside it.
_MANY = 1 << 12


def compile_linear(model: Any) -> Estimator:
    """Array code for a fitted linear model.

    Raises:
        Uncompilable: it is none.
    """
    name = kind(model)
    if name in _REGRESSORS:
        return _regressor(model)
    if name in _CLASSIFIERS and getattr(model.classes_, "ndim", 0) == 1:
        return _classifier(model, name)
    if name in ("KMeans", "MiniBatchKMeans"):
        return _nearest(model)
    raise Uncompilable


def _sums(coefficients: Any, intercept: Any) -> Callable[[Matrix], Array]:
    """X·β + β₀ of shape (rows,) for coefficients (features,), (rows, outputs) for (outputs, features).

    It raises `Unfit` where a sum is not finite: an input was not, or it is beyond what doubles hold.
    """
    weights = np.ascontiguousarray(coefficients, dtype=np.float64)
    constants = np.broadcast_to(np.asarray(intercept, dtype=np.float64), weights.shape[:-1])
    paths = "ij,j->i" if weights.ndim == 1 else "ij,kj->ik"

    def sums(matrix: Matrix) -> Array:
        many = weights.ndim > 1 and len(matrix) * len(weights) > _MANY
        found: Array = matrix @ weights.T if many else np.einsum(paths, matrix, weights)
        found += constants
        if not np.isfinite(found).all():
            raise Unfit
        return found

    return sums


def _regressor(model: Any) -> Estimator:
    weights = np.asarray(model.coef_)
    if weights.dtype != np.float64 or weights.ndim > 2:
        raise Uncompilable
    intercept = np.asarray(model.intercept_)
    sums = _sums(weights, intercept[0] if weights.ndim == 1 and intercept.shape == (1,) else intercept)
    return Estimator(LINEAR, {"predict": lambda matrix: Answer(sums(matrix))}, checks_itself=True)


def _classifier(model: Any, name: str) -> Estimator:
    classes, weights = np.asarray(model.classes_), np.atleast_2d(model.coef_)
    intercept = np.asarray(model.intercept_, dtype=np.float64)
    if weights.dtype != np.float64 or weights.ndim != 2 or len(weights) == 2:
        raise Uncompilable
    if len(weights) == 1:
        weights, intercept = weights[0], np.broadcast_to(intercept, 1)[0]
    sums, decide = _sums(weights, intercept), _decision(weights, intercept)
    shares = _shares(model, name, len(classes))

    def predict(matrix: Matrix) -> Answer:
        scores = sums(matrix)
        chosen = classes.take(decide(matrix, scores))
        return Answer(chosen, shares(scores) if shares else None)

    methods = {"predict": predict, "decision_function": lambda matrix: Answer(sums(matrix))}
    if shares:
        methods["predict_proba"] = lambda matrix: Answer(shares(sums(matrix)))
    return Estimator(LINEAR, methods, checks_itself=True)


def _nearest(model: Any) -> Estimator:
    """K-means as a linear classifier: the nearest center c has the largest x·c - |c|²/2."""
    centers = np.asarray(model.cluster_centers_)
    if centers.dtype != np.float64 or len(centers) < 2:
        raise Uncompilable
    halves = -0.5 * np.einsum("ij,ij->i", centers, centers)
    sums, decide = _sums(centers, halves), _decision(centers, halves)

    def predict(matrix: Matrix) -> Answer:
        return Answer(decide(matrix, sums(matrix)).astype(np.int32))

    return Estimator(LINEAR, {"predict": predict}, checks_itself=True)


def _decision(weights: Array, intercept: Any) -> Callable[[Matrix, Array], Array]:
    """The place of the class with the highest score, where it leads by more than rounding can amount to."""
    total, constant = float(np.abs(weights).sum(axis=-1).max()), float(np.abs(intercept).max())

    def decide(matrix: Matrix, scores: Array) -> Array:
        slack = _MARGIN * (max(matrix.max(), -matrix.min()) * total + constant)
        if scores.ndim == 1:
            if np.abs(scores).min() <= slack:
                raise Unfit
            above: Array = (scores > 0).astype(np.intp)
            return above
        best = np.partition(scores, -2, axis=1)
        if (best[:, -1] - best[:, -2]).min() <= slack:
            raise Unfit
        highest: Array = np.argmax(scores, axis=1)
        return highest

    return decide


def _shares(model: Any, name: str, classes: int) -> Callable[[Array], Array] | None:
    """From scores to probabilities (rows, classes); None: the model has none."""
    one_against_rest = name == "SGDClassifier" or getattr(model, "solver", "") == "liblinear"
    if name in _LOGISTIC or (name == "SGDClassifier" and model.loss == "log_loss"):
        if classes == 2:
            return _sigmoid
        return _normalized if one_against_rest else _softmax
    return None


def _sigmoid(scores: Array) -> Array:
    shares = np.empty((len(scores), 2))
    expit(scores, out=shares[:, 1])
    np.subtract(1.0, shares[:, 1], out=shares[:, 0])
    return shares


def _softmax(scores: Array) -> Array:
    shares: Array = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def _normalized(scores: Array) -> Array:
    shares: Array = expit(scores)
    total = shares.sum(axis=1, keepdims=True)
    if not total.all():  # the model has a way of its own with none at all
        raise Unfit
    shares /= total
    return shares
