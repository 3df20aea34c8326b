"""What a version is better by than another one, on the same labelled rows. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cuelight.journal.answers import NOTHING, Classes, Labels, Numbers
from cuelight.journal.quality import CLASSIFICATION, REGRESSION, Floats, class_name, quality

CONFIDENCE = 0.95
_RESAMPLES = 2000
_AT_ONCE = 1 << 22  # numbers that a step of the bootstrap holds


@dataclass(frozen=True)
class Gain:
    """Two versions on the rows that have a label and an answer of both; rows are taken to be independent.

    Attributes:
        old, new: `quality.quality`'s figures.
        measure: what `mean` is of: `accuracy`, or `mae`, of which less is better.
        mean: by how much the new version is better; negative: worse.
        low, high: its 95 % interval by a paired bootstrap of the rows (percentiles; Efron and Tibshirani, 1993, chapter
            13); None for a single row.
        only_old, only_new: of labels, the rows that only this one has right.
        p: of labels, McNemar's exact test of these two (McNemar, 1947): how often chance alone parts them as far.
    """

    rows: int
    old: Mapping[str, float]
    new: Mapping[str, float]
    measure: str
    mean: float
    low: float | None
    high: float | None
    only_old: int | None = None
    only_new: int | None = None
    p: float | None = None


def gain(given: Labels | Numbers, labels: Sequence[Any], seed: int = 0) -> Gain | None:
    """Compare the quality of two versions; `labels` (rows,), None where none has come. None without such rows."""
    return _of_labels(given, labels, seed) if isinstance(given, Labels) else _of_numbers(given, labels, seed)


def _of_labels(given: Labels, labels: Sequence[Any], seed: int) -> Gain | None:
    sides = given.old, given.new
    answered = [NOTHING not in pair for pair in zip(given.old.labels, given.new.labels, strict=True)]
    known = [place for place, label in enumerate(labels) if label is not None and answered[place]]
    if not known:
        return None
    truth = [class_name(labels[place]) for place in known]
    right = [np.array([side.labels[place] for place in known]) == np.array(truth) for side in sides]
    only_old, only_new = int(np.sum(right[0] & ~right[1])), int(np.sum(right[1] & ~right[0]))
    gains = right[1].astype(np.float64) - right[0].astype(np.float64)
    low, high = interval(gains, seed)
    old, new = (quality(_labelled(truth, side, known), CLASSIFICATION) for side in sides)
    return Gain(
        rows=len(known),
        old=old,
        new=new,
        measure="accuracy",
        mean=float(gains.mean()),
        low=low,
        high=high,
        only_old=only_old,
        only_new=only_new,
        p=mcnemar(only_old, only_new),
    )


def _of_numbers(given: Numbers, labels: Sequence[Any], seed: int) -> Gain | None:
    truth = np.array([_number(each) for each in labels], dtype=np.float64)
    known = np.isfinite(truth) & np.isfinite(given.old) & np.isfinite(given.new)
    if not known.any():
        return None
    truth, old, new = truth[known], given.old[known], given.new[known]
    gains = np.abs(truth - old) - np.abs(truth - new)
    low, high = interval(gains, seed)
    return Gain(
        rows=len(truth),
        old=quality(_frame(truth, old), REGRESSION),
        new=quality(_frame(truth, new), REGRESSION),
        measure="mae",
        mean=float(gains.mean()),
        low=low,
        high=high,
    )


def mcnemar(only_old: int, only_new: int) -> float:
    """The exact two-sided p of as uneven a split, or more so, of the rows that only one has right: binomial, 1/2."""
    from scipy.stats import binomtest

    discordant = only_old + only_new
    return float(binomtest(only_old, discordant).pvalue) if discordant else 1.0


def interval(gains: Floats, seed: int = 0) -> tuple[float, float] | tuple[None, None]:
    """The bounds between which the mean of paired differences (rows,) lies; None for fewer than two."""
    from scipy.stats import bootstrap

    if len(gains) < 2:
        return None, None
    found = bootstrap(
        (gains,),
        np.mean,
        n_resamples=_RESAMPLES,
        batch=max(1, _AT_ONCE // len(gains)),
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=seed,
    ).confidence_interval
    return float(found.low), float(found.high)


def _labelled(truth: Sequence[str], given: Classes, places: Sequence[int]) -> Any:
    frame = _frame(truth, [given.labels[place] for place in places])
    return frame.assign(**{f"output.proba.{name}": share[places] for name, share in given.shares.items()})


def _frame(truth: Any, predicted: Any) -> Any:
    import pandas as pd

    return pd.DataFrame({"label": truth, "output.prediction": predicted})


def _number(label: Any) -> float:
    try:
        return float(label)
    except (TypeError, ValueError):
        return float("nan")
