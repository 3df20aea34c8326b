"""Unsigned trees are looked at before they are followed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from cuelight.kit.errors import Refused
from cuelight.serving.versions import soundness

RANDOM = np.random.default_rng(0)
ROWS, LABELS = RANDOM.normal(size=(200, 4)), RANDOM.integers(0, 2, 200)


@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeRegressor(),
        RandomForestClassifier(5),
        GradientBoostingRegressor(n_estimators=5),
        HistGradientBoostingClassifier(max_iter=5),
        HistGradientBoostingClassifier(max_iter=5, categorical_features=[0]),
        make_pipeline(StandardScaler(), RandomForestClassifier(5)),
    ],
    ids=lambda each: type(each).__name__,
)
def test_fitted_trees_are_sound(model: Any) -> None:
    """What scikit-learn has grown passes."""
    rows = ROWS.copy()
    rows[:, 0] = RANDOM.integers(0, 8, 200)
    soundness.check(model.fit(rows, LABELS))


def test_a_vectorizer_that_opens_files_is_refused() -> None:
    """Callers would read the host's files through its answers; one that counts the words it is given passes."""
    soundness.check(make_pipeline(CountVectorizer().fit(["two words"])))
    for name in ("filename", "file"):
        vectorizer = CountVectorizer().fit(["two words"]).set_params(input=name)
        with pytest.raises(Refused, match="opens the files"):
            soundness.check(make_pipeline(vectorizer))


def _tree(field: str, value: int) -> Any:
    model = DecisionTreeRegressor(max_depth=3).fit(ROWS, LABELS)
    state = model.tree_.__getstate__()
    state["nodes"][field][1] = value
    model.tree_.__setstate__(state)
    return make_pipeline(StandardScaler().fit(ROWS), model)


def _predictor(field: str, value: int) -> Any:
    model = HistGradientBoostingClassifier(max_iter=2).fit(ROWS, LABELS)
    model._predictors[1][0].nodes[field][0] = value
    return model


CRAFTED: dict[str, Callable[[], Any]] = {
    "a child beyond the end": lambda: _tree("right_child", 10_000),
    "a negative child": lambda: _tree("right_child", -7),
    "a circle": lambda: _tree("left_child", 0),
    "a feature beyond the rows": lambda: _tree("feature", 99),
    "a boosted child beyond the end": lambda: _predictor("left", 4_000_000_000),
    "a boosted circle": lambda: _predictor("right", 0),
    "a boosted feature beyond the rows": lambda: _predictor("feature_idx", 99),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_trees_are_refused(name: str) -> None:
    """A tree that would read beyond its memory, or never end, is refused before it predicts."""
    with pytest.raises(Refused, match="holds a tree"):
        soundness.check(CRAFTED[name]())
