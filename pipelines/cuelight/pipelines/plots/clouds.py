"""Many pairs of numbers as one cloud, and the mean along it."""

from __future__ import annotations

from typing import Any

import numpy as np

from cuelight.pipelines.answers import Array
from cuelight.pipelines.plots.style import BLUE, ORANGE

_DENSE = 3000


def cloud(figure: Any, axes: Any, along: Array, values: Array, alpha: float) -> None:
    """A point for each pair; a map of density where they would cover each other."""
    if len(along) > _DENSE:
        shade = axes.hexbin(along, values, gridsize=40, bins="log", cmap="Blues", mincnt=1)
        figure.colorbar(shade, ax=axes, label="rows")
    else:
        axes.scatter(along, values, s=12, alpha=alpha, color=BLUE, linewidths=0)


def running_mean(axes: Any, along: Array, values: Array) -> None:
    """The mean of neighbours: of a fifteenth of the pairs, or of twenty."""
    order = np.argsort(along)
    parts = [part for part in np.array_split(order, max(1, min(15, len(order) // 20))) if len(part)]
    means = [values[part].mean() for part in parts]
    axes.plot([along[part].mean() for part in parts], means, color=ORANGE, linewidth=1.8, label="mean")


def bins(count: int) -> int:
    """How many bars a histogram of so many values has."""
    return min(50, max(10, count // 15))
