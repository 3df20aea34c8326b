"""How good the answers of a classifier are likely to be, before their labels come.

Confidence-based performance estimation (CBPE; named so in NannyML's documentation): the probability that a version gave
to its answer, calibrated on the labelled reference, is the probability that the answer is right, and the mean over a
window is its expected accuracy. That holds while what the probabilities mean has not changed. Where the truth itself
has moved it is wrong, and nothing shows it: an estimate is told, and never acted on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cuelight.monitoring.examination.columns import LABEL, PREDICTION, Floats
from cuelight.monitoring.examination.likeness import Groups
from cuelight.monitoring.quality.performance import LEAST_LABELS, confidences, rightness

if TYPE_CHECKING:
    import pandas as pd

# Rounds of the bootstrap, the share that its interval holds, and the rows of a side that are looked at.
_ROUNDS, _INSIDE, _MOST_ROWS = 100, 0.95, 10_000


@dataclass(frozen=True)
class Estimate:
    """The expected accuracy of `rows` rows, in 95 % of cases from `low` to `high`; `reference` has been measured."""

    value: float
    low: float
    high: float
    reference: float
    rows: int

    @property
    def text(self) -> str:
        """The estimate in words."""
        return (
            f"without labels, accuracy is estimated at {self.value:.3g} ({self.low:.3g} to {self.high:.3g}), "
            f"{self.reference:.3g} on the reference"
        )


def estimate(reference: pd.DataFrame, rows: pd.DataFrame, groups: Groups | None = None) -> Estimate | None:
    """Estimate the accuracy of `rows`; None where the version gives no probabilities, or too few rows are known.

    The interval is that of the accuracy which labels would show: by the bootstrap of the reference (by whole groups,
    where rows belong together), a calibration for each, and the luck of so many answers.

    Args:
        reference: with `label`, `output.prediction` and `output.proba.<class>`.
        rows: the window, without labels.
        groups: which rows of the reference belong together.
    """
    if LABEL not in reference or PREDICTION not in reference:
        return None
    generator = np.random.default_rng(0)
    confident, right = confidences(reference), rightness(reference)
    known = np.flatnonzero(~np.isnan(confident) & ~np.isnan(right))
    now = confidences(rows)
    now = now[~np.isnan(now)]
    if min(len(known), len(now)) < LEAST_LABELS:
        return None
    confident, right = confident[known], right[known]
    together = None if groups is None else _together(groups.codes[known])
    looked = generator.permutation(now)[:_MOST_ROWS]
    drawn = []
    for _ in range(_ROUNDS):
        sample = _resampled(generator, len(known), together)
        chances = _calibrated(confident[sample], right[sample], looked)
        drawn.append(float((generator.random(len(looked)) < chances).mean()))
    edge = (1.0 - _INSIDE) / 2.0
    low, high = np.quantile(drawn, (edge, 1.0 - edge))
    value = float(_calibrated(confident, right, now).mean())
    return Estimate(value, min(float(low), value), max(float(high), value), float(right.mean()), len(now))


def _calibrated(confident: Floats, right: Floats, asked: Floats) -> Floats:
    """How often answers of a confidence were right, as it rises with the confidence; (n,), (n,) to (m,)."""
    from sklearn.isotonic import IsotonicRegression

    curve = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(confident, right)
    return np.asarray(curve.predict(asked), dtype=np.float64)


def _resampled(
    generator: np.random.Generator, rows: int, together: Sequence[npt.NDArray[np.intp]] | None
) -> npt.NDArray[np.intp]:
    """As many rows, or groups, again, with replacement."""
    if together is None:
        return generator.integers(rows, size=min(rows, _MOST_ROWS))
    picked = [together[each] for each in generator.integers(len(together), size=len(together))]
    return np.concatenate(picked)[:_MOST_ROWS]


def _together(codes: npt.NDArray[np.int64]) -> list[npt.NDArray[np.intp]]:
    """Positions of the rows of each group."""
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
