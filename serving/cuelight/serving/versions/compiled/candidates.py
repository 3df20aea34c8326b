"""What may be quicker than a model, the quickest first."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cuelight.protocol.parameters import METHODS
from cuelight.protocol.rows import Rows
from cuelight.protocol.signature import Signature
from cuelight.serving.versions.compiled import source
from cuelight.serving.versions.compiled.linear import compile_linear
from cuelight.serving.versions.compiled.parts import (
    Answer,
    Array,
    Compiled,
    Estimator,
    Numbers,
    Step,
    Uncompilable,
    Unfit,
    kind,
    without_names,
)
from cuelight.serving.versions.compiled.steps import after, branches
from cuelight.serving.versions.compiled.trees import compile_trees
from cuelight.serving.versions.soundness import parts

ARRAYS = "arrays"
_BOOSTERS = ("xgboost.", "lightgbm.")
_HOLDERS = (list, tuple, dict, set, np.ndarray)


def candidates(model: Any, signature: Signature) -> list[Compiled]:
    """The compiled ways for a fitted `model`: as a chain of array steps, and as it is but on arrays."""
    arrays = _found(_arrays, model, signature)
    chain = _found(_chain, model, signature, arrays[0].answer if arrays else _left)
    return chain + arrays


def _found(build: Callable[..., Compiled], *arguments: Any) -> list[Compiled]:
    try:
        return [build(*arguments)]
    except Exception:  # noqa: BLE001  not compilable, or half of what its class says: a model may be anything
        return []


def _left(_rows: Rows, _method: str) -> Answer:
    raise Unfit


def _chain(model: Any, signature: Signature, many: Callable[[Rows, str], Answer]) -> Compiled:
    """`many` answers where rows are so many that array code is no quicker."""
    *transformers, last = [each for _, each in model.steps] if kind(model) == "Pipeline" else [model]
    head = transformers[0] if transformers else last
    names = [each.name for each in signature.columns]
    if signature.tensors:
        step = source.tensor(signature)
    elif kind(head) == "ColumnTransformer":
        step, transformers = branches(head, source.inputs(head, signature)), transformers[1:]
    else:
        chosen = source.inputs(head, signature)
        if [each.name for each in chosen] != names or len(names) != head.n_features_in_:
            raise Uncompilable  # the model itself would refuse them
        step = source.columns(chosen, whole=True)
    for each in transformers:
        step = after(step, each)
    return _compiled(step, _estimator(last), last.n_features_in_, names, many)


def _estimator(model: Any) -> Estimator:
    try:
        return compile_linear(model)
    except Uncompilable:
        return compile_trees(model)


def _compiled(
    step: Step, estimator: Estimator, width: int, names: list[str], many: Callable[[Rows, str], Answer]
) -> Compiled:
    if not isinstance(step.shape, Numbers) or (step.shape.single and not estimator.takes_single):
        raise Uncompilable
    if width != step.shape.width:
        raise Uncompilable  # the model itself would refuse it, and trees would read beyond it
    prepare, methods, most = step.call, estimator.methods, estimator.most_rows
    checks = not estimator.checks_itself and (step.sparse or not estimator.takes_nan)

    def answer(rows: Rows, method: str) -> Answer:
        if rows.count > most:
            return many(rows, method)
        if not rows.count:
            raise Unfit
        matrix = prepare(rows)
        if checks and not np.isfinite(matrix).all():
            raise Unfit
        return methods[method](matrix)

    name = estimator.name if step.plain else f"columns, {estimator.name}"
    known = _edges(estimator, names) if step.plain and names else step.known
    return Compiled(name, frozenset(methods), answer, with_shares=True, known=known)


def _edges(estimator: Estimator, names: list[str]) -> dict[str, Array]:
    if estimator.edges is None:
        return {}
    features, thresholds = estimator.edges
    return {name: np.unique(thresholds[features == i]) for i, name in enumerate(names) if np.any(features == i)}


def _arrays(model: Any, signature: Signature) -> Compiled:
    """The model as it is, on arrays: no DataFrame, no names to compare."""
    names = [each.name for each in signature.columns]
    if not names or any(each.type != "double" or not each.required for each in signature.columns):
        raise Uncompilable
    if not _of_libraries(model):
        raise Uncompilable
    return on_arrays(_nameless(model, names), as_frames_lie=True)


def on_arrays(model: Any, longs: Sequence[str] = (), as_frames_lie: bool = False) -> Compiled:
    """`model`, which takes arrays without a warning, by the methods that it has.

    `longs`: columns of whole numbers, which doubles may not hold. `as_frames_lie`: column by column in memory; NumPy's
    sums go in another order, row by row.
    """

    def answer(rows: Rows, method: str) -> Answer:
        if any(not source.exact(rows.columns[name]) for name in longs):
            raise Unfit
        matrix = rows.matrix()
        return Answer(getattr(model, method)(np.asfortranarray(matrix) if as_frames_lie else matrix))

    return Compiled(ARRAYS, frozenset(each for each in METHODS if hasattr(model, each)), answer)


def _of_libraries(model: Any) -> bool:
    """Whether all that it is made of does the same with arrays as with frames; somebody's own code need not."""
    seen: set[int] = set()
    waiting = [model]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        known = bool(kind(each))
        if hasattr(each, "get_params") and not known and not type(each).__module__.startswith(_BOOSTERS):
            return False
        if kind(each) == "FunctionTransformer" and each.func is not None:
            return False
        waiting += parts(each) if known or isinstance(each, _HOLDERS) else ()
    return True


def _nameless(model: Any, names: list[str]) -> Any:
    """A copy that takes arrays without a warning.

    Raises:
        Uncompilable: it was fitted on other columns, or picks them by name.
    """
    if kind(model) == "Pipeline":
        if any(kind(step) == "ColumnTransformer" for _, step in model.steps):
            raise Uncompilable
        clone = copy.copy(model)
        clone.steps = [(model.steps[0][0], _nameless(model.steps[0][1], names)), *model.steps[1:]]
        return clone
    if kind(model) == "ColumnTransformer" or list(getattr(model, "feature_names_in_", [])) != names:
        raise Uncompilable
    return without_names(model)
