"""The BentoML services: arrays for columns of doubles, frames for mixed ones. Runs in BentoML's environment."""

import os
from typing import Any

import bentoml
import joblib
import numpy as np
import pandas as pd

SERVICE = bentoml.service(
    workers=int(os.environ["WORKERS"]), traffic={"timeout": 60}, logging={"access": {"enabled": False}}
)


@SERVICE
class Numbers:
    """Rows as an array."""

    def __init__(self) -> None:
        self.model = joblib.load(os.environ["MODEL"])

    @bentoml.api(batchable=True, max_batch_size=64)
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Rows of several callers at once."""
        return self.model.predict(rows)

    @bentoml.api
    def predict_many(self, rows: np.ndarray) -> np.ndarray:
        """One caller's rows."""
        return self.model.predict(rows)


@SERVICE
class Frames:
    """Rows as lists, made into one DataFrame: BentoML 1.4 can't batch DataFrames that come in by HTTP."""

    def __init__(self) -> None:
        self.model = joblib.load(os.environ["MODEL"])
        self.columns = list(self.model.feature_names_in_)

    @bentoml.api(batchable=True, max_batch_size=64)
    def predict(self, rows: list[list[Any]]) -> np.ndarray:
        """Rows of several callers at once."""
        return self.model.predict(pd.DataFrame(rows, columns=self.columns))

    @bentoml.api
    def predict_many(self, rows: list[list[Any]]) -> np.ndarray:
        """One caller's rows."""
        return self.model.predict(pd.DataFrame(rows, columns=self.columns))
