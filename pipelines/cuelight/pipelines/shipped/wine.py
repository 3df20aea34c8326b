"""Three kinds of wine, found without being told: scikit-learn's chemical analyses of 178 wines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.cluster import KMeans
from sklearn.datasets import load_wine
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from cuelight.pipelines.gate import Gate
from cuelight.pipelines.pipeline import TrainingPipeline

if TYPE_CHECKING:
    import pandas as pd


def load() -> pd.DataFrame:
    """178 rows of 13 measurements; which of three growers made the wine is left out."""
    rows: pd.DataFrame = load_wine(as_frame=True).data
    return rows.rename(columns={"od280/od315_of_diluted_wines": "od280_od315"})


def estimator() -> Pipeline:
    """Scaled, since the measurements are in different units; then k-means with three centres."""
    return make_pipeline(StandardScaler(), KMeans(n_clusters=3, n_init=10, random_state=42))


pipeline = TrainingPipeline(
    name="wine",
    task="clustering",
    description="Groups of wines by their chemistry.",
    load=load,
    estimator=estimator,
    metrics=("silhouette", "davies_bouldin"),
    primary="silhouette",
    gate=Gate(floors={"silhouette": 0.2}),
)
