"""Tests of what a pipeline's definition refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cuelight.kit.errors import Misconfigured
from cuelight.pipelines.gate import Gate
from cuelight.pipelines.shipped.linear import pipeline


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "a/b"}, "no name for a model"),
        ({"name": ""}, "no name for a model"),
        ({"task": "ranking"}, "regression, classification, clustering"),
        ({"target": ""}, "every other task has one"),
        ({"features": ("x0", "x0")}, "named twice"),
        ({"features": ("x0", "y")}, "'y' is the target"),
        ({"metrics": ("rmse", "roc_auc")}, "no regression metric 'roc_auc'; choose from: rmse, mae, r2"),
        ({"primary": "mae", "metrics": ("rmse",)}, "not among its metrics"),
        ({"gate": Gate(floors={"mae": 1.0}), "metrics": ("rmse",)}, "floor for 'mae'"),
        ({"gate": Gate(margin=-1.0)}, "margin is negative"),
        ({"held_out": 0.0}, "between 0 and 1"),
        ({"held_out": 1.0}, "between 0 and 1"),
        ({"event_time": "when", "group": "who"}, "name one"),
        (
            {"task": "classification", "metrics": ("roc_auc",), "primary": "roc_auc", "gate": Gate()},
            "no loss per row",
        ),
    ],
)
def test_a_definition_that_can_not_work_is_refused(changes: dict[str, Any], words: str) -> None:
    """Each fault is found when the pipeline is defined, and named."""
    with pytest.raises(Misconfigured, match=words):
        replace(pipeline, **changes)


def test_the_experiment_is_named_after_the_model() -> None:
    """Trainings are logged where DESIGN says, unless the pipeline names another place."""
    assert pipeline.training_experiment == "cuelight/linear/training"
    assert replace(pipeline, experiment="mine").training_experiment == "mine"
