"""Which figures a task gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cuelight.pipelines.answers import Answers
from cuelight.pipelines.metrics import CLASSIFICATION, REGRESSION
from cuelight.pipelines.pipeline import TrainingPipeline
from cuelight.pipelines.plots import classification, clustering, regression
from cuelight.pipelines.plots.style import BLUE, drawing

_MOST_BARS = 25


def figures(pipeline: TrainingPipeline, answers: Answers, importance: Mapping[str, float]) -> Iterator[tuple[str, Any]]:
    """File names and Matplotlib figures, from the answers to held-out rows."""
    if pipeline.task == REGRESSION:
        yield "predicted_vs_actual.png", regression.predicted_vs_actual(answers)
        yield "residuals.png", regression.residuals(answers)
    elif pipeline.task == CLASSIFICATION:
        yield "confusion_matrix.png", classification.confusion(answers)
        if answers.probabilities is not None:
            yield "roc.png", classification.roc(answers)
            yield "calibration.png", classification.calibration(answers)
    else:
        yield "cluster_sizes.png", clustering.sizes(answers)
        yield "silhouette.png", clustering.silhouette(answers, pipeline.primary_metric)
        yield "clusters.png", clustering.plane(answers)
    yield "feature_importance.png", importance_bars(pipeline, importance)


def importance_bars(pipeline: TrainingPipeline, importance: Mapping[str, float]) -> Any:
    """The features that matter most, the first on top."""
    chosen = sorted(importance.items(), key=lambda item: item[1])[-_MOST_BARS:]
    unit = f"rise of the loss behind {pipeline.primary}" if pipeline.target else "share of rows that change cluster"
    with drawing(height=1.4 + 0.3 * len(chosen), width=6.4) as (figure, (axes,)):
        axes.barh([name for name, _ in chosen], [value for _, value in chosen], color=BLUE, height=0.65)
        axes.grid(visible=False, axis="y")
        axes.set(title="What the model uses", xlabel=f"{unit} when the column is shuffled")
    return figure
