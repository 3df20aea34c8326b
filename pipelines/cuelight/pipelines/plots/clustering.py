"""Figures for clusterings: how big the clusters are, and how far apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from cuelight.pipelines.answers import Answers
from cuelight.pipelines.metrics import row_losses
from cuelight.pipelines.plots.style import INK, SERIES, drawing


def sizes(answers: Answers) -> Any:
    """Rows per cluster."""
    clusters, counts = np.unique(answers.prediction, return_counts=True)
    with drawing() as (figure, (axes,)):
        bars = axes.bar([str(each) for each in clusters], counts, color=_colours(len(clusters)), width=0.65)
        axes.bar_label(bars, padding=2)
        axes.set(title="Cluster sizes, held-out rows", xlabel="cluster", ylabel="rows")
    return figure


def silhouette(answers: Answers, primary: Any) -> Any:
    """Each row's silhouette, sorted within its cluster: blades that reach below 0 are rows in the wrong place."""
    values = -row_losses(answers, primary)
    clusters = np.unique(answers.prediction)
    with drawing(height=4.8) as (figure, (axes,)):
        start = 0
        for colour, each in zip(_colours(len(clusters)), clusters, strict=True):
            blade = np.sort(values[answers.prediction == each])
            axes.fill_betweenx(np.arange(start, start + len(blade)), 0, blade, color=colour, label=f"cluster {each}")
            start += len(blade) + 3
        axes.axvline(values.mean(), color=INK, linestyle="--", linewidth=1, label=f"mean {values.mean():.2f}")
        axes.set(title="Silhouette per row", xlabel="silhouette", yticks=[])
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def plane(answers: Answers) -> Any:
    """The rows on their first two principal components, coloured by cluster."""
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    if answers.features.shape[1] < 2:
        return sizes(answers)
    flat = PCA(2).fit_transform(StandardScaler().fit_transform(answers.features.to_numpy(dtype=float)))
    clusters = np.unique(answers.prediction)
    with drawing(height=4.8) as (figure, (axes,)):
        for colour, each in zip(_colours(len(clusters)), clusters, strict=True):
            points = flat[answers.prediction == each]
            axes.scatter(
                points[:, 0], points[:, 1], s=22, alpha=0.75, color=colour, linewidths=0, label=f"cluster {each}"
            )
        axes.set(title="Clusters on two principal components", xlabel="first component", ylabel="second component")
        axes.legend()
    return figure


def _colours(count: int) -> list[str]:
    return [SERIES[each % len(SERIES)] for each in range(count)]
