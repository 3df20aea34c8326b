"""The classic once more, learned by mini-batch gradient descent with an L2 penalty."""

from __future__ import annotations

from cuelight.pipelines.descent import GradientDescentRegressor
from cuelight.pipelines.gate import Gate
from cuelight.pipelines.pipeline import TrainingPipeline
from cuelight.pipelines.shipped.linear import load


def estimator() -> GradientDescentRegressor:
    """Mini-batches of 50 rows, and a penalty so small that the coefficients stay those of least squares."""
    return GradientDescentRegressor(penalty="l2", strength=1e-6, batch_size=50, random_state=42)


pipeline = TrainingPipeline(
    name="linear_descent",
    task="regression",
    description="The linear model by mini-batch gradient descent on the mean squared error.",
    load=load,
    target="y",
    estimator=estimator,
    metrics=("rmse", "mae", "r2"),
    primary="rmse",
    gate=Gate(floors={"r2": 0.99}),
)
