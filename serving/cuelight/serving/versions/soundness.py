"""Checks on what an unsigned file brings to life.

Compiled trees follow indices without looking, so we look first. And a vectorizer can be told to take what it gets
for the names of files: callers would read the host's files through its answers.

skops leaves `Tree` and `TreePredictor` untrusted for this reason: a crafted node array reads beyond its memory, or
never ends. A sound tree's children come after their parent, and its features are ones that the model has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from cuelight.kit.errors import Refused


def check(model: Any) -> None:
    """Look at every tree and every vectorizer that `model` holds.

    Raises:
        Refused: a tree has a child or a feature that does not exist, or a cycle; a vectorizer opens files.
    """
    seen: set[int] = set()
    waiting: list[tuple[Any, int]] = [(model, 0)]
    while waiting:
        each, width = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        kind = f"{type(each).__module__}.{type(each).__qualname__}"
        if kind == "sklearn.tree._tree.Tree":
            _check_tree(each, width)
        elif kind == "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor":
            _check_predictor(each, width)
        else:
            if getattr(each, "__dict__", {}).get("input", "content") != "content":
                raise Refused("It holds a vectorizer that opens the files its input names.")
            width = _width(each, width)
            waiting += [(part, width) for part in parts(each)]


def _width(each: Any, inherited: int) -> int:
    own = getattr(each, "__dict__", {}).get("n_features_in_")
    return own if isinstance(own, int) else inherited


def parts(each: Any) -> Iterator[Any]:
    """What it holds: its entries, or its attributes."""
    if isinstance(each, dict):
        yield from each.values()
    elif isinstance(each, list | tuple | set | frozenset):
        yield from each
    elif isinstance(each, np.ndarray):
        yield from each.ravel() if each.dtype == object else ()
    else:
        yield from getattr(each, "__dict__", {}).values()


def _check_tree(tree: Any, width: int) -> None:
    left, right = np.asarray(tree.children_left), np.asarray(tree.children_right)
    inner = left != -1
    _check_nodes(left[inner], right[inner], np.flatnonzero(inner), len(left))
    _check_features(np.asarray(tree.feature)[inner], min(width, int(tree.n_features)))


def _check_predictor(tree: Any, width: int) -> None:
    nodes = tree.nodes
    inner = np.asarray(nodes["is_leaf"]) == 0
    _check_nodes(
        nodes["left"][inner].astype(np.int64), nodes["right"][inner].astype(np.int64), np.flatnonzero(inner), len(nodes)
    )
    _check_features(nodes["feature_idx"][inner].astype(np.int64), width)
    categorical = inner & (np.asarray(nodes["is_categorical"]) != 0)
    bitsets = min(len(tree.raw_left_cat_bitsets), len(tree.binned_left_cat_bitsets))
    if np.any(nodes["bitset_idx"][categorical] >= bitsets):
        raise Refused("It holds a tree with a set of categories that does not exist.")


def _check_nodes(left: Any, right: Any, parents: Any, count: int) -> None:
    for children in (left, right):
        if np.any(children <= parents) or np.any(children >= count):
            raise Refused("It holds a tree whose nodes lead nowhere, or in a circle.")


def _check_features(features: Any, width: int) -> None:
    if np.any(features < 0) or np.any(features >= width):
        raise Refused("It holds a tree that splits on a feature that does not exist.")
