"""Tests of figures, importance and reference: everything drawn from a model's answers."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
import pytest

from cuelight.pipelines import catalog
from cuelight.pipelines.answers import Answers, ask
from cuelight.pipelines.candidates.importance import importance
from cuelight.pipelines.candidates.reference import reference
from cuelight.pipelines.data import prepare
from cuelight.pipelines.pipeline import TrainingPipeline
from cuelight.pipelines.plots.figures import figures
from cuelight.pipelines.split import split


@cache
def trained(name: str) -> tuple[TrainingPipeline, object, Answers]:
    """A shipped pipeline, fitted, with its answers to held-out rows."""
    pipeline = catalog.find(name, {})
    data = prepare(pipeline, pipeline.load())
    parts = split(len(data), pipeline.held_out, pipeline.seed, data.times, data.groups)
    truth = data.truth
    estimator = pipeline.estimator()
    estimator.fit(data.features.iloc[parts.fit], None if truth is None else truth[parts.fit])
    held = None if truth is None else truth[parts.held_out]
    return pipeline, estimator, ask(estimator, data.features.iloc[parts.held_out], held)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("linear", {"predicted_vs_actual.png", "residuals.png"}),
        ("doctor_visits", {"confusion_matrix.png", "roc.png", "calibration.png"}),
        ("wine", {"cluster_sizes.png", "silhouette.png", "clusters.png"}),
    ],
)
def test_each_task_has_its_figures(name: str, expected: set[str]) -> None:
    """The figures of the task and the feature importance are drawn, each with a title."""
    pipeline, _, answers = trained(name)
    weights = dict.fromkeys(answers.features.columns, 1.0)
    drawn = dict(figures(pipeline, answers, weights))
    assert set(drawn) == expected | {"feature_importance.png"}
    for figure in drawn.values():
        assert figure.axes[0].get_title("left")
        image = io.BytesIO()
        figure.savefig(image, format="png")
        assert len(image.getvalue()) > 5_000


def test_figures_for_a_model_without_probabilities_leave_those_out() -> None:
    """A classifier that gives labels only has a confusion matrix and no curves."""
    pipeline, _, full = trained("doctor_visits")
    bare = Answers(full.features, full.truth, full.prediction)
    names = [name for name, _ in figures(pipeline, bare, {"disea": 1.0})]
    assert names == ["confusion_matrix.png", "feature_importance.png"]


def test_importance_follows_the_coefficients() -> None:
    """For a linear model on independent columns the order of importance is that of the coefficients."""
    pipeline, estimator, answers = trained("linear")
    found = importance(estimator, answers, pipeline.primary_metric)
    by_size = np.argsort(np.abs(estimator.coef_))  # type: ignore[attr-defined]
    assert sorted(found, key=found.__getitem__)[-1] == f"x{by_size[-1]}"
    assert all(value > 0 for value in found.values())


def test_a_column_that_the_model_can_not_use_has_no_importance() -> None:
    """The share to be paid is constant where the model was trained: shuffling it changes nothing."""
    pipeline, estimator, answers = trained("doctor_visits")
    found = importance(estimator, answers, pipeline.primary_metric)
    assert found["lncoins"] == 0.0
    assert found["disea"] > 0.01


def test_the_reference_of_a_clustering_has_no_label() -> None:
    """Where there is no truth, there is no label column, and the rest is as for all."""
    _, _, answers = trained("wine")
    columns = list(reference(answers).columns)
    assert "label" not in columns
    assert columns[-1] == "output.prediction"
    assert all(each.startswith("input.") for each in columns[:-1])


def test_the_reference_says_when_its_rows_came_and_which_belong_together() -> None:
    """Times and groups have columns of their own where they are known, beside the model's."""
    _, _, answers = trained("wine")
    times, groups = np.arange(len(answers.prediction), dtype=float), np.repeat("a", len(answers.prediction))
    found = reference(answers, times, groups)
    assert list(found.columns[-2:]) == ["time", "group"]
    assert list(found["time"]) == list(times)
