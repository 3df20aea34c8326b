"""Figures for classifications: what is taken for what, and whether probabilities can be believed."""

from __future__ import annotations

from typing import Any

import numpy as np

from cuelight.pipelines.answers import Answers
from cuelight.pipelines.plots.style import BLUE, GREY, INK, SERIES, drawing

_BINS = 10
_MOST_CURVES = 8


def confusion(answers: Answers) -> Any:
    """Counts, and shares of each true class."""
    from sklearn.metrics import confusion_matrix

    classes = list(dict.fromkeys([*answers.classes, *np.unique(answers.known), *np.unique(answers.prediction)]))
    counts = confusion_matrix(answers.known, answers.prediction, labels=classes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 3.2 + 0.55 * len(classes)
    with drawing(height=size, width=size + 0.8) as (figure, (axes,)):
        axes.grid(visible=False)
        shade = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
        for (row, column), count in np.ndenumerate(counts):
            colour = "white" if shares[row, column] > 0.55 else INK
            text = f"{shares[row, column]:.0%}\n{count:,}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
        ticks = range(len(classes))
        axes.set_xticks(ticks, [str(each) for each in classes])
        axes.set_yticks(ticks, [str(each) for each in classes])
        axes.set(title="Confusion matrix, held-out rows", xlabel="predicted", ylabel="actual")
        figure.colorbar(shade, ax=axes, label="share of the actual class", shrink=0.8)
    return figure


def roc(answers: Answers) -> Any:
    """One curve for two classes, one against the rest for more."""
    from sklearn.metrics import auc, roc_curve

    values = np.asarray(answers.probabilities)
    chosen = [1] if len(answers.classes) == 2 else list(range(min(len(answers.classes), _MOST_CURVES)))
    with drawing(height=4.8) as (figure, (axes,)):
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label="chance")
        for colour, position in zip(SERIES, chosen, strict=False):
            right = answers.known == answers.classes[position]
            if right.all() or not right.any():
                continue
            wrong_rate, right_rate, _ = roc_curve(right, values[:, position])
            label = f"{answers.classes[position]} (area {auc(wrong_rate, right_rate):.3f})"
            axes.plot(wrong_rate, right_rate, color=colour, linewidth=1.8, label=label)
        axes.set(title="ROC, held-out rows", xlabel="false positive rate", ylabel="true positive rate", aspect="equal")
        axes.legend(loc="lower right")
    return figure


def calibration(answers: Answers) -> Any:
    """How often what was given p per cent came true; and how often which p was given."""
    position = 1 if len(answers.classes) == 2 else None
    values = np.asarray(answers.probabilities)
    if position is not None:
        given, came = values[:, position], answers.known == answers.classes[position]
        what = f"class {answers.classes[position]}"
    else:
        given, came, what = values.max(axis=1), answers.known == answers.prediction, "the class predicted"
    bins = np.minimum((given * _BINS).astype(int), _BINS - 1)
    filled = [each for each in range(_BINS) if np.any(bins == each)]
    with drawing(panels=2) as (figure, (curve, spread)):
        curve.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label="perfect")
        points = [(given[bins == each].mean(), came[bins == each].mean()) for each in filled]
        curve.plot(*zip(*points, strict=True), color=BLUE, marker="o", markersize=5, label="model")
        curve.set(title=f"Calibration, {what}", xlabel="probability given", ylabel="share that came true")
        curve.set(xlim=(0, 1), ylim=(0, 1))
        curve.legend(loc="upper left")
        spread.hist(given, bins=20, range=(0, 1), color=BLUE)
        spread.set(title="Probabilities given", xlabel="probability", ylabel="rows")
    return figure
