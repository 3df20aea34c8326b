"""Many decision trees walked at once: all rows go down all trees, one level with each turn of a loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cuelight.serving.versions.compiled.parts import Array, Matrix, Uncompilable

# Rows times trees that are walked together: what a level touches then stays in the processor's nearer caches.
_CELLS = 1 << 14


@dataclass(frozen=True)
class Tree:
    """One fitted tree: a node goes left for `x <= threshold`; a leaf has -1 for `left`.

    `values`: (nodes,) or (nodes, classes). `strays_right`: nodes where NaN goes to the right.
    """

    left: Array
    right: Array
    feature: Array
    threshold: Array
    strays_right: Array
    values: Array
    depth: int


class Grove:
    """Trees whose nodes lie level by level, siblings side by side, the deepest trees first.

    A step down is then `left + (x > threshold)`; a leaf leads to itself, since nothing is beyond infinity.
    """

    def __init__(self, trees: Sequence[Tree]) -> None:
        ranked = sorted(range(len(trees)), key=lambda i: -trees[i].depth)
        self._place = np.argsort(ranked)
        self._walking = [sum(tree.depth > level for tree in trees) for level in range(trees[ranked[0]].depth)]
        starts = np.cumsum([0, *(len(tree.left) for tree in trees)])
        left = _numbered([tree.left for tree in trees], starts)
        right = _numbered([tree.right for tree in trees], starts)
        order = _by_level(starts[:-1][ranked], left, right)
        inner = left[order] >= 0
        self._left = np.arange(len(order), dtype=np.int32)
        place = np.empty(len(order), dtype=np.int32)
        place[order] = self._left
        self._left[inner] = place[left[order][inner]]
        self._feature = np.where(inner, np.concatenate([tree.feature for tree in trees])[order], 0).astype(np.int32)
        self._threshold = np.where(inner, np.concatenate([tree.threshold for tree in trees])[order], np.inf)
        self._strays_right = inner & np.concatenate([tree.strays_right for tree in trees])[order].astype(bool)
        self._values = np.concatenate([tree.values for tree in trees])[order]
        self.edges = self._feature[inner], self._threshold[inner]
        self.depth = len(self._walking)

    def values(self, matrix: Matrix) -> Iterator[tuple[slice, Array]]:
        """Slices of rows, with the values (trees, rows, ...) of the leaves that they reach, in the trees' order.

        Args:
            matrix: (rows, features), each row whole before the next.
        """
        count, most = len(matrix), max(1, _CELLS // len(self._place))
        missing = bool(np.isnan(matrix).any())
        for start in range(0, count, most):
            part = slice(start, min(start + most, count))
            yield part, self._values.take(self._leaves(matrix[part], missing)[self._place], axis=0)

    def _leaves(self, matrix: Matrix, missing: bool) -> Array:
        rows, features = matrix.shape
        flat = matrix.ravel()
        starts = np.arange(0, rows * features, features)
        at = np.repeat(np.arange(len(self._place)), rows).reshape(-1, rows)
        for trees in self._walking:
            here = at[:trees]
            values = flat.take(self._feature.take(here) + starts)
            goes_right = values > self._threshold.take(here)
            if missing:
                goes_right |= np.isnan(values) & self._strays_right.take(here)
            at[:trees] = self._left.take(here) + goes_right
        return at


def _numbered(children: Sequence[Array], starts: Any) -> Array:
    """Children's places among the nodes of all trees; -1 stays."""
    return np.concatenate([np.where(each < 0, -1, each + start) for each, start in zip(children, starts, strict=False)])


def _by_level(roots: Array, left: Array, right: Array) -> Array:
    """All nodes: the roots, their children in pairs, and so on.

    Raises:
        Uncompilable: nodes share children, so that they would unfold without end.
    """
    levels, count = [roots], len(roots)
    while count <= len(left):
        inner = levels[-1][left[levels[-1]] >= 0]
        if not inner.size:
            return np.concatenate(levels)
        levels.append(np.column_stack([left[inner], right[inner]]).ravel())
        count += len(levels[-1])
    raise Uncompilable
