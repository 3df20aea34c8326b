"""Streams for the tests: a line whose slope may change, a row a minute, judged by small windows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

from cuelight.kit.settings import Settings
from cuelight.pipelines.gate import Gate
from cuelight.pipelines.pipeline import TrainingPipeline
from cuelight.simulation.player import Plan
from cuelight.simulation.stream import Stream, Timing, arrange

MINUTE, HOUR = 60.0, 3600.0
PLAN = Plan(labels_after=30 * MINUTE, retraining_takes=10 * MINUTE, schedule="0 * * * *")
SETTINGS = Settings(
    monitoring_min_rows=50, monitoring_window="300 rows", retrain_min_labels=150, retrain_cooldown_seconds=2 * HOUR
)


def pipeline(**changes: Any) -> TrainingPipeline:
    """Least squares on columns `a` and `b`."""
    made = TrainingPipeline(
        name="prices",
        task="regression",
        load=pd.DataFrame,
        estimator=LinearRegression,
        metrics=("rmse", "mae"),
        primary="rmse",
        target="price",
        features=("a", "b"),
    )
    return replace(made, **changes)


def table(rows: int = 1600, changes_at: int = 700, slope: float = 3.0, seed: int = 0) -> pd.DataFrame:
    """The price is `a` + noise, from row `changes_at` on `slope` times `a`."""
    generator = np.random.default_rng(seed)
    a, b = generator.normal(size=(2, rows))
    steep = np.where(np.arange(rows) < changes_at, 1.0, slope)
    return pd.DataFrame({"a": a, "b": b, "price": steep * a + generator.normal(0.0, 0.5, rows)})


def stream(rows: int = 1600, changes_at: int = 700, slope: float = 3.0, seed: int = 0, **changes: Any) -> Stream:
    """It, a row a minute; the first 400 rows are learned from."""
    return arrange(pipeline(**changes), table(rows, changes_at, slope, seed), Timing(rate=1.0), start_rows=400)


NEVER_GOOD = Gate(floors={"mae": 0.0})
