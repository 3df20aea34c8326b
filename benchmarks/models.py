"""The four models that are measured, always the same: fitted on drawn data, saved as MLflow does and for the peers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

LINEAR, MIXED, FOREST, BOOSTING = "linear", "mixed", "forest", "boosting"
NEIGHBOURS = "neighbours"  # slow, row by row: many together are no quicker
WORDS = ("red", "green", "blue", "black", "white", "grey")
ROWS = 10_000
_FITTED = 4000
_KNOWN = 200_000  # rows among which neighbours are looked for


@dataclass(frozen=True)
class Model:
    """A fitted estimator and the rows (10,000, columns) that are asked; `folder` holds it in both forms.

    `mlflow`: MLflow's folder. `joblib`: for peers that load an estimator; where all columns are doubles it was told
    to forget their names, so that it takes arrays without a warning at every call.
    """

    name: str
    estimator: Any
    frame: Any
    folder: Path

    @property
    def mlflow(self) -> Path:
        """MLflow's folder."""
        return self.folder / "mlflow"

    @property
    def joblib(self) -> Path:
        """The estimator alone."""
        return self.folder / "model.joblib"

    @property
    def numeric(self) -> bool:
        """Whether all columns are doubles."""
        return self.name != MIXED

    @cached_property
    def bare(self) -> Any:
        """The estimator as one would call it in process: on arrays where it can."""
        return _nameless(self.estimator) if self.numeric else self.estimator

    def native(self, count: int) -> Any:
        """The first rows in the form that `bare` takes."""
        return self.frame.head(count).to_numpy() if self.numeric else self.frame.head(count)

    @cached_property
    def expected(self) -> list[Any]:
        """What the estimator itself predicts for all rows: labels or floats."""
        return list(self.estimator.predict(self.frame).tolist())


def make(name: str, folder: Path) -> Model:
    """Fit the model of that name and save it below `folder`."""
    import logging

    import joblib
    import mlflow.sklearn
    from mlflow.models import infer_signature

    logging.getLogger("mlflow.sklearn").setLevel(logging.ERROR)  # that cloudpickle files run code is known here
    generator = np.random.default_rng(7)
    estimator, frame = _MAKERS[name](generator)
    model = Model(name, estimator, frame, folder / name)
    mlflow.sklearn.save_model(
        estimator,
        model.mlflow,
        serialization_format="cloudpickle",
        signature=infer_signature(frame, estimator.predict(frame)),
        input_example=frame.head(2),
        pip_requirements=["scikit-learn", "pandas", "numpy"],
    )
    joblib.dump(model.bare, model.joblib)
    return model


def _numbers(generator: Any, columns: int) -> Any:
    import pandas as pd

    values = generator.normal(size=(ROWS, columns))
    return pd.DataFrame(values, columns=[f"x{i}" for i in range(columns)])


def _linear(generator: Any) -> tuple[Any, Any]:
    from sklearn.linear_model import LinearRegression

    frame = _numbers(generator, 5)
    return LinearRegression().fit(frame.head(_FITTED), _target(generator, frame)), frame


def _mixed(generator: Any) -> tuple[Any, Any]:
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    frame = _numbers(generator, 8)
    numbers = list(frame.columns)
    words = [f"w{i}" for i in range(4)]
    for name in words:
        frame[name] = generator.choice(WORDS, len(frame))
    parts = ColumnTransformer(
        [("numbers", StandardScaler(), numbers), ("words", OneHotEncoder(handle_unknown="ignore"), words)]
    )
    labels = (_target(generator, frame[numbers]) + (frame["w0"].head(_FITTED) == "red") > 0).astype(int)
    return make_pipeline(parts, LogisticRegression()).fit(frame.head(_FITTED), labels), frame


def _forest(generator: Any) -> tuple[Any, Any]:
    from sklearn.ensemble import RandomForestClassifier

    frame = _numbers(generator, 20)
    labels = np.digitize(_target(generator, frame), [-1.0, 1.0])
    return RandomForestClassifier(100, max_depth=12, random_state=7).fit(frame.head(_FITTED), labels), frame


def _boosting(generator: Any) -> tuple[Any, Any]:
    from sklearn.ensemble import HistGradientBoostingRegressor

    frame = _numbers(generator, 20)
    model = HistGradientBoostingRegressor(max_iter=200, early_stopping=False, random_state=7)
    return model.fit(frame.head(_FITTED), _target(generator, frame)), frame


def _neighbours(generator: Any) -> tuple[Any, Any]:
    import pandas as pd
    from sklearn.neighbors import KNeighborsRegressor

    frame = _numbers(generator, 20)
    known = pd.DataFrame(generator.normal(size=(_KNOWN, 20)), columns=frame.columns)
    return KNeighborsRegressor(algorithm="brute").fit(known, known["x0"]), frame


def _target(generator: Any, frame: Any) -> Any:
    """A curved function of a few columns, with noise."""
    values = frame.head(_FITTED).to_numpy()
    return values[:, 0] - values[:, 1] * values[:, 2] + np.sin(values[:, 3]) + generator.normal(size=_FITTED) / 4


def _nameless(estimator: Any) -> Any:
    clone = copy.copy(estimator)
    del clone.feature_names_in_
    return clone


_MAKERS: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    LINEAR: _linear,
    MIXED: _mixed,
    FOREST: _forest,
    BOOSTING: _boosting,
    NEIGHBOURS: _neighbours,
}
NAMES = (LINEAR, MIXED, FOREST, BOOSTING)  # those that `make bench` measures
