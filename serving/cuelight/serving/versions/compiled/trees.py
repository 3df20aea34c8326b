"""Forests and boosted trees: the leaves' values, summed in the model's own order, so that they agree to the bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cuelight.serving.versions.compiled.grove import Grove, Tree
from cuelight.serving.versions.compiled.parts import Answer, Array, Estimator, Matrix, Uncompilable, Unfit, kind

TREES = "trees"
# Beyond so many rows scikit-learn's compiled walk is quicker, and its checks cost nothing beside it. Measured with
# 100 trees of depth 12 and 20 features, and with 200 trees of 31 leaves.
_MOST_FOREST_ROWS, _MOST_BOOSTED_ROWS = 2000, 500
_FORESTS = {"RandomForestRegressor", "ExtraTreesRegressor", "RandomForestClassifier", "ExtraTreesClassifier"}
_LONE = {"DecisionTreeRegressor", "ExtraTreeRegressor", "DecisionTreeClassifier", "ExtraTreeClassifier"}
_BOOSTED = {"GradientBoostingRegressor", "GradientBoostingClassifier"}
_HISTOGRAMS = {"HistGradientBoostingRegressor", "HistGradientBoostingClassifier"}

# Each worker holds a copy for itself, of some 40 bytes a node: beyond so many, memory is worth more than time.
_MOST_NODES = 1 << 22

Total = Callable[[Matrix], Array]


def compile_trees(model: Any) -> Estimator:
    """Array code for a fitted tree, forest, or boosted trees.

    Raises:
        Uncompilable: it is none, has several outputs, splits by category, or is too large for another copy.
    """
    name = kind(model)
    if name in _LONE and model.n_outputs_ == 1:
        return _lone(model)
    if name in _FORESTS and model.n_outputs_ == 1:
        return _forest(model)
    if name in _BOOSTED:
        return _boosted(model)
    if name in _HISTOGRAMS and model.is_categorical_ is None:
        return _histograms(model)
    raise Uncompilable


def _single(matrix: Matrix) -> Array:
    """Trees see 32-bit floats.

    Raises:
        Unfit: a number is beyond them.
    """
    with np.errstate(over="ignore"):
        single = matrix.astype(np.float32)
    if np.isinf(single).any():
        raise Unfit
    return single


def _grove(trees: Sequence[Tree]) -> Grove:
    if sum(len(each.left) for each in trees) > _MOST_NODES:
        raise Uncompilable
    return Grove(trees)


def _tree(tree: Any, values: Array) -> Tree:
    strays = np.asarray(tree.missing_go_to_left) == 0
    return Tree(
        tree.children_left, tree.children_right, tree.feature, tree.threshold, strays, values, int(tree.max_depth)
    )


def _lone(model: Any) -> Estimator:
    """One tree: scikit-learn's own compiled walk, without the checks before it."""
    tree = model.tree_

    def values(matrix: Matrix) -> Array:
        return tree.predict(_single(matrix))  # type: ignore[no-any-return]

    inner = np.asarray(tree.children_left) >= 0
    edges = np.asarray(tree.feature)[inner], np.asarray(tree.threshold)[inner]
    if hasattr(model, "classes_"):
        methods = _by_share(np.asarray(model.classes_), lambda x: values(x)[:, : model.n_classes_])
    else:
        methods = {"predict": lambda x: Answer(values(x)[:, 0])}
    return Estimator(TREES, methods, takes_nan=_takes_nan(model), takes_single=True, edges=edges)


def _takes_nan(tree: Any) -> bool:
    return bool(tree._support_missing_values(np.zeros((1, tree.n_features_in_))))


def _forest(model: Any) -> Estimator:
    classes = getattr(model, "classes_", None)
    count = len(model.estimators_)
    found = [(each.tree_, each.tree_.value[:, 0, :]) for each in model.estimators_]
    grove = _grove([_tree(tree, values if classes is not None else values[:, 0]) for tree, values in found])

    def mean(matrix: Matrix) -> Array:
        matrix = _single(matrix).astype(np.float64)
        total = np.empty((len(matrix),) if classes is None else (len(matrix), len(classes)))
        for part, values in grove.values(matrix):
            total[part] = np.add.accumulate(values, axis=0)[-1]
        total /= count
        return total

    return Estimator(
        TREES,
        {"predict": lambda x: Answer(mean(x))} if classes is None else _by_share(np.asarray(classes), mean),
        takes_nan=_takes_nan(model.estimators_[0]),
        takes_single=True,
        most_rows=_MOST_FOREST_ROWS,
        edges=grove.edges,
    )


def _by_share(classes: Array, shares: Total) -> dict[str, Callable[[Matrix], Answer]]:
    def predict(matrix: Matrix) -> Answer:
        found = shares(matrix)
        return Answer(classes.take(np.argmax(found, axis=1), axis=0), found)

    return {"predict": predict, "predict_proba": lambda matrix: Answer(shares(matrix))}


def _boosted(model: Any) -> Estimator:
    if model.init_ != "zero" and kind(model.init_) not in ("DummyClassifier", "DummyRegressor"):
        raise Uncompilable
    first = model._raw_predict_init(np.zeros((1, model.n_features_in_), dtype=np.float32))[0]
    # tree by tree, class by class within each turn, as they are added up
    found = [each.tree_ for each in model.estimators_.ravel()]
    grove = _grove([_tree(tree, model.learning_rate * tree.value[:, 0, 0]) for tree in found])
    total = _total(grove, first)

    def single(matrix: Matrix) -> Array:
        return total(_single(matrix).astype(np.float64))

    methods = _by_score(model, single, binary=np.greater_equal, regressor=np.ravel)
    return Estimator(TREES, methods, takes_single=True, most_rows=_MOST_BOOSTED_ROWS, edges=grove.edges)


def _histograms(model: Any) -> Estimator:
    grove = _grove([_predictor(each) for turn in model._predictors for each in turn])
    total = _total(grove, model._baseline_prediction[0])

    def inverse(scores: Array) -> Array:
        return model._loss.link.inverse(scores.ravel())  # type: ignore[no-any-return]

    methods = _by_score(model, total, binary=np.greater, regressor=inverse)
    return Estimator(TREES, methods, takes_nan=True, takes_single=True, most_rows=_MOST_BOOSTED_ROWS, edges=grove.edges)


def _predictor(predictor: Any) -> Tree:
    nodes = predictor.nodes
    leaf = nodes["is_leaf"] != 0
    left = np.where(leaf, -1, nodes["left"].astype(np.int64))
    strays = nodes["missing_go_to_left"] == 0
    return Tree(
        left,
        nodes["right"].astype(np.int64),
        nodes["feature_idx"],
        nodes["num_threshold"],
        strays,
        nodes["value"],
        int(predictor.get_max_depth()),
    )


def _total(grove: Grove, first: Array) -> Total:
    """Scores (rows, outputs): `first`, and then tree by tree."""
    outputs = len(first)

    def total(matrix: Matrix) -> Array:
        scores = np.empty((len(matrix), outputs))
        for part, values in grove.values(matrix):
            turns = values.reshape(-1, outputs, values.shape[1])
            turns[0] += first[:, None]
            scores[part] = np.add.accumulate(turns, axis=0)[-1].T
        return scores

    return total


def _by_score(
    model: Any, total: Total, binary: Callable[[Array, int], Array], regressor: Callable[[Array], Array]
) -> dict[str, Callable[[Matrix], Answer]]:
    classes, loss = getattr(model, "classes_", None), model._loss
    if classes is None:
        return {"predict": lambda matrix: Answer(regressor(total(matrix)))}

    def shares(scores: Array) -> Array:
        return loss.predict_proba(scores if scores.shape[1] > 1 else scores[:, 0])  # type: ignore[no-any-return]

    def predict(matrix: Matrix) -> Answer:
        scores = total(matrix)
        places = np.argmax(scores, axis=1) if scores.shape[1] > 1 else binary(scores[:, 0], 0).astype(int)
        return Answer(classes[places], shares(scores))

    return {"predict": predict, "predict_proba": lambda matrix: Answer(shares(total(matrix)))}
