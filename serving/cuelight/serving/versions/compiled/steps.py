"""What scikit-learn's transformers do, on arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cuelight.protocol.rows import Rows
from cuelight.protocol.signature import Column
from cuelight.serving.versions.compiled import source
from cuelight.serving.versions.compiled.lookups import one_hot, ordinal
from cuelight.serving.versions.compiled.parts import (
    MOST_CELLS,
    Matrix,
    Numbers,
    Step,
    Texts,
    Uncompilable,
    Unfit,
    kind,
    without_names,
)

Transform = Callable[[Any], Any]


def after(step: Step, transformer: Any) -> Step:
    """`step`, and then what `transformer` does.

    Raises:
        Uncompilable: there is no array code for it.
    """
    if transformer is None or transformer == "passthrough":
        return step
    name = kind(transformer)
    if name == "FunctionTransformer" and transformer.func is None and not transformer.validate:
        return step  # what a fitted passthrough is
    if name == "Pipeline":
        for _, each in transformer.steps:
            step = after(step, each)
        return step
    if isinstance(step.shape, Texts):
        return _on_texts(step, step.shape, name, transformer)
    if step.shape.single:  # the model would calculate in 32 bits
        raise Uncompilable
    return _on_numbers(step, step.shape, name, transformer)


def branches(transformer: Any, columns: Sequence[Column]) -> Step:
    """A `ColumnTransformer` on the request's columns: each part's matrix, side by side.

    Raises:
        Uncompilable: there is no array code for one of its parts.
    """
    parts: list[Step] = []
    for name, part, _ in transformer.transformers_:
        places = transformer._transformer_to_input_indices[name]
        if (isinstance(part, str) and part == "drop") or len(places) == 0:
            continue
        parts.append(after(source.columns([columns[i] for i in places]), part))
    widths = [part.shape.width for part in parts if isinstance(part.shape, Numbers) and not part.shape.single]
    if not parts or len(widths) != len(parts):
        raise Uncompilable
    calls, width = [part.call for part in parts], sum(widths)

    def call(rows: Rows) -> Matrix:
        if rows.count * width > MOST_CELLS:
            raise Unfit
        return np.concatenate([each(rows) for each in calls], axis=1)

    known = {name: values for part in parts for name, values in part.known.items()}
    return Step(Numbers(width), call, sparse=any(part.sparse for part in parts), known=known)


def _on_texts(step: Step, shape: Texts, name: str, transformer: Any) -> Step:
    width = shape.width
    if name in _ENCODERS:
        encode, wide = _ENCODERS[name](transformer, width)
        known = dict(zip(shape.names, transformer.categories_, strict=True))
        return _joined(replace(step, known=known), encode, wide, getattr(transformer, "sparse_output", False))
    if name == "SimpleImputer" and not transformer.add_indicator and len(transformer.statistics_) == width:
        if isinstance(transformer.missing_values, str):
            raise Uncompilable
        return step  # nulls among strings do not come here
    raise Uncompilable


def _on_numbers(step: Step, shape: Numbers, name: str, transformer: Any) -> Step:
    if not step.plain:  # no step takes infinity, which arithmetic may have made
        first = step.call
        step = replace(step, call=lambda given: source.without_infinity(first(given)))
    if name in _ENCODERS:
        encode, wide = _ENCODERS[name](transformer, shape.width)

        def call(matrix: Matrix) -> Any:
            return encode(matrix.T.tolist())

        return _joined(step, call, wide, getattr(transformer, "sparse_output", False))
    if name in _SCALERS:
        return _joined(step, _SCALERS[name](transformer), shape.width)
    if name in _FOREIGN:
        return _joined(step, *_foreign(transformer, shape.width))
    raise Uncompilable


def _joined(step: Step, then: Transform, width: int, sparse: bool = False) -> Step:
    first = step.call
    return Step(Numbers(width), lambda given: then(first(given)), sparse=step.sparse or sparse, known=step.known)


# The arithmetic is scikit-learn's, operation by operation, so that the numbers are the same to the bit.


def _standard(scaler: Any) -> Transform:
    shift = scaler.mean_ if scaler.with_mean else None
    return _shifted(shift, scaler.scale_ if scaler.with_std else None)


def _robust(scaler: Any) -> Transform:
    shift = scaler.center_ if scaler.with_centering else None
    return _shifted(shift, scaler.scale_ if scaler.with_scaling else None)


def _largest(scaler: Any) -> Transform:
    if getattr(scaler, "clip", False):
        raise Uncompilable
    return _shifted(None, scaler.scale_)


def _shifted(shift: Any, scale: Any) -> Transform:
    def call(matrix: Matrix) -> Matrix:
        if shift is not None:
            matrix = matrix - shift
        return matrix if scale is None else matrix / scale

    return call


def _ranged(scaler: Any) -> Transform:
    scale, least = scaler.scale_, scaler.min_
    low, high = scaler.feature_range

    def call(matrix: Matrix) -> Matrix:
        scaled: Matrix = matrix * scale + least
        return np.clip(scaled, low, high) if scaler.clip else scaled

    return call


def _imputed(imputer: Any) -> Transform:
    fill = np.asarray(imputer.statistics_, dtype=np.float64)
    nan = isinstance(imputer.missing_values, float) and np.isnan(imputer.missing_values)
    if not nan or imputer.add_indicator or np.isnan(fill).any():
        raise Uncompilable

    def call(matrix: Matrix) -> Matrix:
        missing = np.isnan(matrix)
        return np.where(missing, fill, matrix) if missing.any() else matrix

    return call


_SCALERS: dict[str, Callable[[Any], Transform]] = {
    "StandardScaler": _standard,
    "RobustScaler": _robust,
    "MaxAbsScaler": _largest,
    "MinMaxScaler": _ranged,
    "SimpleImputer": _imputed,
}
_ENCODERS: dict[str, Callable[[Any, int], tuple[Transform, int]]] = {
    "OneHotEncoder": one_hot,
    "OrdinalEncoder": lambda encoder, width: (ordinal(encoder, width), width),
}
# These are called as they are, on arrays: what they cost is in what they do.
_FOREIGN = {"PCA", "PolynomialFeatures", "PowerTransformer", "QuantileTransformer", "SelectKBest", "VarianceThreshold"}


def _foreign(transformer: Any, width: int) -> tuple[Transform, int]:
    nameless = without_names(transformer)

    def call(matrix: Matrix) -> Matrix:
        try:
            return np.ascontiguousarray(nameless.transform(matrix), dtype=np.float64)
        except ValueError:  # the model will say so itself
            raise Unfit from None

    return call, call(np.zeros((1, width))).shape[1]
