"""Figures for regressions: predicted against actual, and what is left."""

from __future__ import annotations

from typing import Any

from cuelight.pipelines.answers import Answers
from cuelight.pipelines.plots.clouds import bins, cloud, running_mean
from cuelight.pipelines.plots.style import BLUE, INK, ORANGE, drawing


def predicted_vs_actual(answers: Answers) -> Any:
    """A cloud round the diagonal."""
    truth, prediction = answers.known.astype(float), answers.prediction.astype(float)
    ends = [min(truth.min(), prediction.min()), max(truth.max(), prediction.max())]
    with drawing(height=4.8) as (figure, (axes,)):
        cloud(figure, axes, truth, prediction, alpha=0.5)
        axes.plot(ends, ends, color=ORANGE, linewidth=1.4, label="perfect")
        axes.set(title="Predicted and actual, held-out rows", xlabel="actual", ylabel="predicted")
        axes.legend(loc="upper left")
    return figure


def residuals(answers: Answers) -> Any:
    """Residuals along the predictions, with the running mean, and how they are spread."""
    prediction = answers.prediction.astype(float)
    left = answers.known.astype(float) - prediction
    with drawing(panels=2) as (figure, (along, spread)):
        cloud(figure, along, prediction, left, alpha=0.4)
        along.axhline(0.0, color=INK, linewidth=0.8)
        running_mean(along, prediction, left)
        along.set(title="Residuals along the predictions", xlabel="predicted", ylabel="actual - predicted")
        along.legend()
        spread.hist(left, bins=bins(len(left)), color=BLUE)
        spread.axvline(left.mean(), color=ORANGE, label=f"mean {left.mean():.3g}")
        spread.set(title=f"Spread (standard deviation {left.std():.3g})", xlabel="actual - predicted", ylabel="rows")
        spread.legend()
    return figure
