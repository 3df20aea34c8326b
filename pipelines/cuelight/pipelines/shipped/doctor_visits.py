"""Does a person see a doctor this year? Data of the RAND Health Insurance Experiment (statsmodels' `randhie`).

The people were assigned to insurance plans by lot: with some, care was free; with others, they paid a share of
it themselves. The model learns from the plans with free care. Then the plans with a share arrive, and it fails
there: it has never seen a price. That is a real shift of population, by a covariate, and the demo's story.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from cuelight.pipelines.gate import Gate
from cuelight.pipelines.pipeline import TrainingPipeline

if TYPE_CHECKING:
    import pandas as pd

# Log of the share paid (percent, plus 1), individual deductible, log of the yearly incentive paid, log of the most a
# person may have to pay, physical limitation, number of chronic diseases, self-rated health good, fair, poor.
FEATURES = ("lncoins", "idp", "lpi", "fmde", "physlm", "disea", "hlthg", "hlthf", "hlthp")
# What stays the same over a person's years. The rows of one person follow each other.
_PERSON = ["idp", "physlm", "disea", "hlthg", "hlthf", "hlthp"]


def populations(seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of the plans with free care, which the model is trained on, and of those with a share, which arrive later.

    Both have the features, `visited` (1: at least one visit to a doctor in the year) and `person`. The arriving
    rows are shuffled.
    """
    from statsmodels.datasets import randhie

    frame = randhie.load_pandas().data.astype(float)
    person = (frame[_PERSON] != frame[_PERSON].shift()).any(axis=1).cumsum()
    frame = frame[list(FEATURES)].assign(visited=(frame["mdvis"] > 0).astype(int), person=person)
    free = frame["lncoins"] == 0
    arriving = frame[~free]
    order = np.random.default_rng(seed).permutation(len(arriving))
    return frame[free].reset_index(drop=True), arriving.iloc[order].reset_index(drop=True)


def load() -> pd.DataFrame:
    """The rows of the plans with free care."""
    return populations()[0]


def estimator() -> HistGradientBoostingClassifier:
    """Small boosted trees with leaves of many rows: a person's few rows can't be learned by heart."""
    return HistGradientBoostingClassifier(
        max_iter=100, learning_rate=0.06, max_leaf_nodes=15, min_samples_leaf=40, random_state=42
    )


pipeline = TrainingPipeline(
    name="doctor_visits",
    task="classification",
    description="Whether a person sees a doctor within a year, from insurance plan and health.",
    load=load,
    target="visited",
    features=FEATURES,
    group="person",
    estimator=estimator,
    metrics=("log_loss", "roc_auc", "accuracy", "balanced_accuracy", "f1"),
    primary="log_loss",
    gate=Gate(floors={"log_loss": 0.66, "roc_auc": 0.6}),
)
