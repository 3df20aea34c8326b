"""How much of a version's answer each feature carries, learned from its own predictions on the reference."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from cuelight.monitoring.examination.columns import PREDICTION, PROBABILITY, Column, Kind, kind_of, numbers, texts

if TYPE_CHECKING:
    import pandas as pd

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]
_TREES, _DEPTH, _ROWS = 40, 10, 5_000


def weights(reference: pd.DataFrame, columns: Sequence[Column]) -> Mapping[str, float] | None:
    """Share of each feature (they add up to 1), or None when the predictions don't depend on any.

    A small forest is fitted to what the version *answered*, so this holds for any kind of model, without loading it,
    and a feature that the model ignores weighs next to nothing (importance by impurity, Breiman 2001).
    """
    features = [column for column in columns if not column.is_output]
    target = _target(reference)
    if not features or target is None:
        return None
    inputs = np.stack([_filled(column) for column in features], axis=1)
    known = ~np.isnan(target).any(axis=1)
    chosen = np.flatnonzero(known)
    if len(chosen) > _ROWS:
        chosen = np.random.default_rng(0).choice(chosen, _ROWS, replace=False)
    if len(chosen) < 2 or not np.ptp(target[chosen], axis=0).any():
        return None
    shares = _shares(_Sample.of(inputs[chosen], target[chosen]))
    if sum(shares) <= 0:
        return None
    return {column.name: share for column, share in zip(features, shares, strict=True)}


@dataclass(frozen=True)
class _Sample:
    """Rows to fit on: inputs (rows, features) and targets (rows, outputs); equal where their `digest` is."""

    digest: str
    inputs: Matrix = field(compare=False)
    target: Matrix = field(compare=False)

    @classmethod
    def of(cls, inputs: Matrix, target: Matrix) -> _Sample:
        digest = hashlib.sha256(f"{inputs.shape}{target.shape}".encode())
        digest.update(inputs.tobytes())
        digest.update(target.tobytes())
        return cls(digest.hexdigest(), inputs, target)


# Backtests and simulations judge many windows by one reference.
@lru_cache(maxsize=8)
def _shares(sample: _Sample) -> tuple[float, ...]:
    from sklearn.ensemble import ExtraTreesRegressor

    forest = ExtraTreesRegressor(_TREES, max_depth=_DEPTH, random_state=0, max_features=1.0)
    forest.fit(sample.inputs, sample.target if sample.target.shape[1] > 1 else sample.target[:, 0])
    return tuple(map(float, forest.feature_importances_))


def _target(reference: pd.DataFrame) -> Matrix | None:
    """What the version answered as numbers (n, outputs): probabilities, else the prediction, classes as indicators."""
    classes = [name for name in reference.columns if str(name).startswith(PROBABILITY)]
    if classes:
        return np.stack([numbers(reference[name]) for name in classes], axis=1)
    if PREDICTION not in reference:
        return None
    kind = kind_of(reference[PREDICTION])
    if kind is Kind.NUMERIC:
        return numbers(reference[PREDICTION])[:, None]
    if kind is None:
        return None
    answers = texts(reference[PREDICTION])
    levels = sorted({str(each) for each in answers if each is not None})[:100]
    return np.stack([(answers == level).astype(np.float64) for level in levels], axis=1)


def _filled(column: Column) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = column.reference.astype(np.float64)
    present = column.present(column.reference)
    values[~present] = np.median(values[present]) if column.kind is Kind.NUMERIC else -1.0
    return values
