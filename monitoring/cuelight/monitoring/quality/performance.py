"""Quality on labels: the loss of a window's labelled rows against the loss on the version's own held-out rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from cuelight.monitoring.examination.columns import (
    LABEL,
    PREDICTION,
    PROBABILITY,
    Floats,
    Kind,
    is_number,
    kind_of,
    numbers,
    texts,
)
from cuelight.monitoring.examination.likeness import Groups

if TYPE_CHECKING:
    import pandas as pd

# Fewer labelled rows than this say nothing about quality.
LEAST_LABELS = 100
# One-sided 1 % point of the normal distribution.
QUALITY_Z = 2.33
_SMALLEST = 1e-6

ABSOLUTE_ERROR, LOG_LOSS, ERROR_RATE = "mean absolute error", "log loss", "error rate"


@dataclass(frozen=True)
class Performance:
    """Quality of a labelled window next to the reference.

    Attributes:
        loss: what is averaged: absolute error, log loss, or error rate where there are no probabilities.
        z: Welch's statistic of the difference of the mean losses; positive is worse than the reference.
        metrics: the usual figures of the window's labelled rows.
    """

    loss: str
    rows: int
    current: float
    reference: float
    z: float
    metrics: Mapping[str, float]

    @property
    def lost(self) -> bool:
        """Worse than the reference by more than chance (a one-sided test at 1 %)."""
        return self.rows >= LEAST_LABELS and self.z > QUALITY_Z

    @property
    def text(self) -> str:
        """The comparison in words."""
        return (
            f"{self.loss} {self.current:.4g} on {self.rows:,} labelled rows, "
            f"{self.reference:.4g} on the reference (z {self.z:.1f})"
        )


@dataclass(frozen=True)
class Labelled:
    """Labelled rows of both sides, columns `label` and `prediction`: numbers, or text when `classes`."""

    reference: pd.DataFrame
    current: pd.DataFrame
    classes: bool


def measure(reference: pd.DataFrame, labelled: pd.DataFrame, groups: Groups | None = None) -> Performance | None:
    """Compare the two losses; None where the reference or the window has no labels.

    Both hold `label`, `output.prediction` and, for classifiers that have them, `output.proba.<class>`. `groups` says
    which rows belong together; without it they are independent.
    """
    before = reference[reference[LABEL].notna()] if LABEL in reference else reference.iloc[:0]
    now = labelled[labelled[LABEL].notna()] if LABEL in labelled else labelled.iloc[:0]
    name = _loss_name(before, now) if len(before) > 1 and len(now) > 1 else None
    if name is None:
        return None
    old, new = (_present(_losses(name, side)) for side in (before, now))
    if len(old) < 2 or len(new) < 2:
        return None
    return Performance(
        loss=name,
        rows=len(new),
        current=float(new.mean()),
        reference=float(old.mean()),
        z=welch(old, new, *_stretches(name, reference, groups)),
        metrics=_metrics(name, now),
    )


def answers(frame: pd.DataFrame, loss: str) -> pd.DataFrame:
    """The labelled rows as columns `label` and `prediction`: numbers for a regression, else text in one spelling."""
    import pandas as pd

    if LABEL not in frame or PREDICTION not in frame:
        return pd.DataFrame({"label": [], "prediction": []})
    known = frame[frame[LABEL].notna() & frame[PREDICTION].notna()]
    spelled = numbers if loss == ABSOLUTE_ERROR else _aligned
    return pd.DataFrame({"label": spelled(known[LABEL]), "prediction": spelled(known[PREDICTION])}).dropna()


def confidences(frame: pd.DataFrame) -> Floats:
    """The probability that a classifier gave to its own answer (n,); NaN where it gave none, or no answer."""
    if not _classes(frame) or PREDICTION not in frame or not len(frame):
        return np.full(len(frame), np.nan)
    answered = frame[PREDICTION].notna().to_numpy()
    return cast("Floats", np.where(answered, _probabilities_of(_aligned(frame[PREDICTION]), frame), np.nan))


def rightness(frame: pd.DataFrame) -> Floats:
    """1 where the answer was the label, else 0 (n,); NaN where either is not known."""
    known = (frame[LABEL].notna() & frame[PREDICTION].notna()).to_numpy()
    return cast("Floats", np.where(known, _aligned(frame[LABEL]) == _aligned(frame[PREDICTION]), np.nan))


def welch(reference: Floats, current: Floats, before: float = 1.0, now: float = 1.0) -> float:
    """Difference of the means in its own standard errors, variances not assumed equal (Welch 1947).

    `before` and `now`: how many times those of independent rows the standard errors of either side are.
    """
    errors = (
        side.std(ddof=1) * stretch / np.sqrt(len(side)) for side, stretch in ((reference, before), (current, now))
    )
    error = np.hypot(*errors)
    difference = float(current.mean() - reference.mean())
    return difference / float(error) if error > 0 else float(np.sign(difference)) * 1e3


def _stretches(name: str, reference: pd.DataFrame, groups: Groups | None) -> tuple[float, float]:
    """How many times those of independent rows the standard errors of the mean losses are, at least 1: of both sides.

    The variance of a mean of whole groups, by their sums of deviations (the sandwich of Liang and Zeger 1986).
    """
    if groups is None:
        return 1.0, 1.0
    known = reference[LABEL].notna().to_numpy()
    losses, codes = _losses(name, reference[known]), groups.codes[known]
    known = ~np.isnan(losses)
    deviations = losses[known] - losses[known].mean()
    independent = float((deviations**2).sum())
    together = float((np.bincount(codes[known], weights=deviations) ** 2).sum())
    found = max(1.0, float(np.sqrt(together / independent))) if independent > 0 else 1.0
    return found, groups.stretch(found)


def _present(losses: Floats) -> Floats:
    return losses[~np.isnan(losses)]


def _loss_name(reference: pd.DataFrame, current: pd.DataFrame) -> str | None:
    classes = _classes(reference)
    if classes and classes == _classes(current):
        return LOG_LOSS
    if PREDICTION not in reference or PREDICTION not in current:
        return None
    sides = (reference[LABEL], reference[PREDICTION])
    # A small tree answers a few numbers only, and still errs by more or less: either side may show the regression.
    numeric = all(is_number(each) for each in sides) and any(kind_of(each) is Kind.NUMERIC for each in sides)
    return ABSOLUTE_ERROR if numeric and not classes else ERROR_RATE


def _classes(frame: pd.DataFrame) -> list[str]:
    return sorted(str(name) for name in frame.columns if str(name).startswith(PROBABILITY))


def _losses(name: str, frame: pd.DataFrame) -> Floats:
    """Loss per row (n,); NaN where the label or the prediction can't be read."""
    if name == ABSOLUTE_ERROR:
        errors = np.abs(numbers(frame[LABEL]) - numbers(frame[PREDICTION]))
        return cast("Floats", errors)
    labels = _aligned(frame[LABEL])
    if name == ERROR_RATE:
        wrong = np.asarray(labels != _aligned(frame[PREDICTION]), dtype=np.float64)
        return cast("Floats", np.where(frame[PREDICTION].notna().to_numpy(), wrong, np.nan))
    return _log_losses(labels, frame)


def _log_losses(labels: Any, frame: pd.DataFrame) -> Floats:
    """-log of the probability of what came true; a class the model does not know counts as impossible."""
    return cast("Floats", -np.log(np.clip(_probabilities_of(labels, frame), _SMALLEST, 1.0)))


def _probabilities_of(answers: Any, frame: pd.DataFrame) -> Floats:
    """What the model gave to each of `answers` (n,), in their one spelling: 0 for a class it does not know."""
    names = _classes(frame)
    values = np.stack([numbers(frame[name]) for name in names], axis=1)
    known = {name.removeprefix(PROBABILITY): index for index, name in enumerate(names)}
    known |= {_canonical(name): index for name, index in list(known.items())}
    position = np.array([known.get(each, -1) for each in answers], dtype=np.intp)
    return cast("Floats", np.where(position >= 0, values[np.arange(len(values)), position], 0.0))


def _aligned(series: pd.Series[Any]) -> Any:
    """Labels as text in one spelling, however the journal and the training table typed them: 1, 1.0, "1", True."""
    return np.array([_canonical(each) for each in texts(series)], dtype=object)


def _canonical(value: Any) -> str:
    text = str(value)
    if text in ("True", "False"):
        return "1" if text == "True" else "0"
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() else repr(number)


def _metrics(name: str, frame: pd.DataFrame) -> dict[str, float]:
    if name == ABSOLUTE_ERROR:
        return _regression(numbers(frame[LABEL]), numbers(frame[PREDICTION]))
    figures = {}
    answered = frame[frame[PREDICTION].notna()] if PREDICTION in frame else frame.iloc[:0]
    if len(answered):
        figures["accuracy"] = float(np.mean(_aligned(answered[LABEL]) == _aligned(answered[PREDICTION])))
    if name == LOG_LOSS:
        figures["log_loss"] = float(_present(_losses(LOG_LOSS, frame)).mean())
    return figures


def _regression(labels: Floats, predictions: Floats) -> dict[str, float]:
    known = ~np.isnan(labels) & ~np.isnan(predictions)
    error = labels[known] - predictions[known]
    spread = float(((labels[known] - labels[known].mean()) ** 2).sum())
    figures = {"mae": float(np.abs(error).mean()), "rmse": float(np.sqrt((error**2).mean()))}
    return figures | ({"r2": 1.0 - float((error**2).sum()) / spread} if spread > 0 else {})
