from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.datasets import load_diabetes, load_wine
from sklearn.linear_model import LinearRegression, LogisticRegression

from cuelight.journal.quality import quality, quality_by

_MACRO: dict[str, Any] = {"average": "macro", "zero_division": 0.0}


def _classified(classes: list[Any]) -> tuple[pd.DataFrame, LogisticRegression, Any]:
    """Rows of the wine data, its classes under these names, predicted by a model that errs now and then."""
    data = load_wine()
    truth = np.array(classes)[data.target]
    inputs = data.data[:, :2]
    keep = np.isin(data.target, range(len(classes)))
    model = LogisticRegression().fit(inputs[keep], truth[keep])
    frame = pd.DataFrame({"label": truth[keep], "output.prediction": model.predict(inputs[keep])})
    for number, name in enumerate(model.classes_):
        frame[f"output.proba.{name}"] = model.predict_proba(inputs[keep])[:, number]
    return frame, model, inputs[keep]


@pytest.mark.parametrize("classes", [["b", "c", "a"], [10, 2, 30], [0.0, 1.0, 2.0]])
def test_classification_equals_scikit_learn(classes: list[Any]) -> None:
    """Every figure is what scikit-learn gives for the same rows, to the last digit, whatever the classes are."""
    frame, model, inputs = _classified(classes)
    truth, predicted, probabilities = frame["label"], frame["output.prediction"], model.predict_proba(inputs)
    assert quality(frame, "classification") == {
        "rows": float(len(truth)),
        "accuracy": metrics.accuracy_score(truth, predicted),
        "precision": metrics.precision_score(truth, predicted, **_MACRO),
        "recall": metrics.recall_score(truth, predicted, **_MACRO),
        "f1": metrics.f1_score(truth, predicted, **_MACRO),
        "roc_auc": metrics.roc_auc_score(truth, probabilities, multi_class="ovr"),
        "log_loss": metrics.log_loss(truth, probabilities),
    }
    assert 0.5 < quality(frame, "classification")["accuracy"] < 1.0


def test_labels_may_come_by_another_type_than_predictions() -> None:
    """Classes that are the same number are the same class, as text, fraction or boolean."""
    data = load_wine()
    two = data.target < 2
    model = LogisticRegression().fit(data.data[two, :2], data.target[two])
    frame = pd.DataFrame({"label": data.target[two], "output.prediction": model.predict(data.data[two, :2])})
    for number in (0, 1):
        frame[f"output.proba.{number}"] = model.predict_proba(data.data[two, :2])[:, number]
    expected = quality(frame, "classification")
    scores = frame["output.proba.1"]
    assert expected["roc_auc"] == metrics.roc_auc_score(frame["label"], scores)
    for kind in (float, str, bool):
        assert quality(frame.assign(label=frame["label"].astype(kind)), "classification") == expected


def test_regression_equals_scikit_learn() -> None:
    """MAE, RMSE and R² are scikit-learn's, over the rows that have both a label and a prediction."""
    data = load_diabetes()
    predicted = LinearRegression().fit(data.data, data.target).predict(data.data)
    frame = pd.DataFrame({"label": data.target, "output.prediction": predicted})
    expected = {
        "rows": float(len(frame)),
        "mae": metrics.mean_absolute_error(data.target, predicted),
        "rmse": metrics.root_mean_squared_error(data.target, predicted),
        "r2": metrics.r2_score(data.target, predicted),
    }
    more = pd.concat([frame, pd.DataFrame({"label": [1.0, np.nan], "output.prediction": [np.nan, 1.0]})])
    assert quality(more, "regression") == expected


def test_what_is_not_defined_is_left_out() -> None:
    """One class only has no ROC AUC, one row no R², no rows nothing, and clustering no figures at all."""
    frame, _, _ = _classified(["b", "c", "a"])
    alone = quality(frame[frame["label"] == "b"], "classification")
    assert "roc_auc" not in alone
    assert "log_loss" in alone
    assert "log_loss" not in quality(frame.assign(**{"output.proba.a": np.nan}), "classification")
    assert "log_loss" not in quality(frame.assign(label="never seen"), "classification")
    one = pd.DataFrame({"label": [1.0], "output.prediction": [2.0]})
    assert quality(one, "regression") == {"rows": 1.0, "mae": 1.0, "rmse": 1.0}
    assert (
        quality(one.iloc[:0], "regression") == quality(one, "clustering") == quality(one[["label"]], "regression") == {}
    )


def test_each_group_has_its_own_figures() -> None:
    """By version, each version is judged on its own rows."""
    frame = pd.DataFrame({"version": [1, 1, 2], "label": [1, 2, 3], "output.prediction": [1, 2, 5]})
    found = quality_by(frame, "regression")
    assert {key: each["mae"] for key, each in found.items()} == {(1,): 0.0, (2,): 2.0}
