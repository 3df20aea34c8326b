"""Figures for regressions: predicted against actual, and what is left."""

from __future__ import annotations

from typing import Any

import numpy as np

from cuelight.pipelines.answers import Answers
from cuelight.pipelines.plots.style import BLUE, INK, ORANGE, drawing

_DENSE = 3000


def predicted_vs_actual(answers: Answers) -> Any:
    """A cloud round the diagonal; a map of density where the points would cover each other."""
    truth, prediction = answers.known.astype(float), answers.prediction.astype(float)
    ends = [min(truth.min(), prediction.min()), max(truth.max(), prediction.max())]
    with drawing(height=4.8) as (figure, (axes,)):
        if len(truth) > _DENSE:
            shade = axes.hexbin(truth, prediction, gridsize=40, bins="log", cmap="Blues", mincnt=1)
            figure.colorbar(shade, ax=axes, label="rows")
        else:
            axes.scatter(truth, prediction, s=12, alpha=0.5, color=BLUE, linewidths=0)
        axes.plot(ends, ends, color=ORANGE, linewidth=1.4, label="perfect")
        axes.set(title="Predicted and actual, held-out rows", xlabel="actual", ylabel="predicted")
        axes.legend(loc="upper left")
    return figure


def residuals(answers: Answers) -> Any:
    """Residuals along the predictions, with the running mean, and how they are spread."""
    prediction = answers.prediction.astype(float)
    left = answers.known.astype(float) - prediction
    with drawing(panels=2) as (figure, (along, spread)):
        along.scatter(prediction, left, s=12, alpha=0.4, color=BLUE, linewidths=0)
        along.axhline(0.0, color=INK, linewidth=0.8)
        order = np.argsort(prediction)
        parts = np.array_split(order, max(1, min(15, len(order) // 20)))
        along.plot(
            [prediction[part].mean() for part in parts],
            [left[part].mean() for part in parts],
            color=ORANGE,
            label="mean",
        )
        along.set(title="Residuals along the predictions", xlabel="predicted", ylabel="actual - predicted")
        along.legend()
        spread.hist(left, bins=min(50, max(10, len(left) // 15)), color=BLUE)
        spread.axvline(left.mean(), color=ORANGE, label=f"mean {left.mean():.3g}")
        spread.set(title=f"Spread (standard deviation {left.std():.3g})", xlabel="actual - predicted", ylabel="rows")
        spread.legend()
    return figure
