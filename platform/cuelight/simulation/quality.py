"""What the loop was worth: quality with and without it, in time and in all. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from cuelight.journal.gain import interval
from cuelight.pipelines.answers import Answers, Array
from cuelight.pipelines.metrics import row_losses
from cuelight.simulation.records import Played

_PARTS = 40  # of the stream, in its picture
_LEAST_ROWS = 20


@dataclass(frozen=True)
class Pair:
    """The primary metric of rows [first, last), with the loop and without; NaN where it is not defined."""

    first: int
    last: int
    loop: float
    frozen: float


@dataclass(frozen=True)
class Worth:
    """The whole stream.

    Attributes:
        metric: the pipeline's primary one; `pair` is its figure of all rows.
        gain: by how much the mean loss per row of that metric is less with the loop; negative: it is more.
        low, high: its 95 % interval by a paired bootstrap of the rows, which are taken to be independent.
        share: the gain as a share of the frozen version's mean loss.
    """

    metric: str
    pair: Pair
    gain: float
    low: float
    high: float
    share: float


def worth(played: Played, seed: int = 0) -> Worth:
    """What the loop gained on the whole stream."""
    primary = played.pipeline.primary_metric
    frozen, loop = row_losses(played.frozen, primary), row_losses(played.loop, primary)
    gains, mean = frozen - loop, float(frozen.mean())
    low, high = interval(gains, seed) if gains.any() else (0.0, 0.0)
    gain = float(gains.mean())
    return Worth(
        metric=primary.name,
        pair=pair(played, 0, len(gains)),
        gain=gain,
        low=gain if low is None else low,
        high=gain if high is None else high,
        share=gain / mean if mean else 0.0,
    )


def pair(played: Played, first: int, last: int) -> Pair:
    """The primary metric of some rows."""
    rows = np.arange(first, last)
    return Pair(first, last, _score(played, played.loop, rows), _score(played, played.frozen, rows))


def trend(played: Played, parts: int = _PARTS) -> list[Pair]:
    """The stream in so many parts of equally many rows; in fewer, where they would be very small."""
    rows = len(played.times)
    edges = np.linspace(0, rows, max(1, min(parts, rows // _LEAST_ROWS)) + 1).round().astype(int)
    return [pair(played, int(first), int(last)) for first, last in pairwise(edges)]


def _score(played: Played, answers: Answers, rows: Array) -> float:
    if len(rows) < 2:
        return float("nan")
    return float(played.pipeline.primary_metric.score(answers.take(rows)))
