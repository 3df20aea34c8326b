"""What a model says about rows, and what was true: all that metrics, plots and the reference are made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cuelight.kit.errors import ModelFault

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[Any]


@dataclass(frozen=True)
class Answers:
    """A model's answers to `features` (rows x columns).

    `truth` and `prediction` have shape (rows,); `truth` is None for clustering. `probabilities` has shape
    (rows, classes) in the order of `classes`, and is None where the model has none.
    """

    features: pd.DataFrame
    truth: Array | None
    prediction: Array
    probabilities: Array | None = None
    classes: tuple[Any, ...] = ()

    @property
    def known(self) -> Array:
        """The truth, where it must be there."""
        if self.truth is None:
            raise TypeError("These rows have no truth to hold the answers against.")
        return self.truth

    def take(self, rows: Array) -> Answers:
        """The answers to some of the rows, by position."""
        return Answers(
            self.features.iloc[rows],
            None if self.truth is None else self.truth[rows],
            self.prediction[rows],
            None if self.probabilities is None else self.probabilities[rows],
            self.classes,
        )


def ask(estimator: Any, features: pd.DataFrame, truth: Array | None) -> Answers:
    """Let a fitted estimator answer all rows.

    Raises:
        ModelFault: it answers with another number of rows, or with numbers that are not finite.
    """
    prediction = np.asarray(estimator.predict(features))
    if prediction.shape != (len(features),):
        raise ModelFault(f"The model answered shape {prediction.shape} to {len(features)} rows; one a row is due.")
    if prediction.dtype.kind == "f" and not np.all(np.isfinite(prediction)):
        raise ModelFault("The model answered with NaN or infinity: look at its features and its training.")
    if not hasattr(estimator, "predict_proba") or not hasattr(estimator, "classes_"):
        return Answers(features, truth, prediction)
    probabilities = np.asarray(estimator.predict_proba(features), dtype=float)
    return Answers(features, truth, prediction, probabilities, tuple(np.asarray(estimator.classes_).tolist()))
