"""The classic: least squares on made regression data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.datasets import make_regression
from sklearn.linear_model import LinearRegression

from cuelight.pipelines.gate import Gate
from cuelight.pipelines.pipeline import TrainingPipeline

if TYPE_CHECKING:
    import pandas as pd


def load() -> pd.DataFrame:
    """1,000 rows of 5 features `x0`..`x4` and `y`, linear in them but for a little noise."""
    import pandas as pd

    rows, target = make_regression(n_samples=1000, n_features=5, noise=0.1, random_state=42)
    return pd.DataFrame(rows, columns=[f"x{i}" for i in range(rows.shape[1])]).assign(y=target)


pipeline = TrainingPipeline(
    name="linear",
    task="regression",
    description="Least squares on scikit-learn's made regression data.",
    load=load,
    target="y",
    estimator=LinearRegression,
    metrics=("rmse", "mae", "r2"),
    primary="rmse",
    gate=Gate(floors={"r2": 0.99}),
)
