from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.datasets import load_diabetes, load_wine
from sklearn.linear_model import LinearRegression, LogisticRegression

from cuelight.journal.quality import measure, quality

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
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, predicted),
        "precision_weighted": metrics.precision_score(truth, predicted, average="weighted"),
        "recall_weighted": metrics.recall_score(truth, predicted, average="weighted"),
        "f1_weighted": metrics.f1_score(truth, predicted, average="weighted"),
        "roc_auc": metrics.roc_auc_score(truth, probabilities, multi_class="ovr"),
        "log_loss": metrics.log_loss(truth, probabilities),
        "brier": metrics.brier_score_loss(truth, probabilities, labels=model.classes_),
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
    """MAE, RMSE, R² and MAPE are scikit-learn's, over the rows that have both a label and a prediction."""
    data = load_diabetes()
    predicted = LinearRegression().fit(data.data, data.target).predict(data.data)
    frame = pd.DataFrame({"label": data.target, "output.prediction": predicted})
    expected = {
        "rows": float(len(frame)),
        "mae": metrics.mean_absolute_error(data.target, predicted),
        "rmse": metrics.root_mean_squared_error(data.target, predicted),
        "r2": metrics.r2_score(data.target, predicted),
        "mape": metrics.mean_absolute_percentage_error(data.target, predicted),
    }
    more = pd.concat([frame, pd.DataFrame({"label": [1.0, np.nan], "output.prediction": [np.nan, 1.0]})])
    assert quality(more, "regression") == expected


def test_what_is_not_defined_is_left_out_with_its_reason() -> None:
    """One class only has no ROC AUC, one row no R², a label of 0 no MAPE; each says why, and nothing warns."""
    frame, _, _ = _classified(["b", "c", "a"])
    alone = measure(frame[frame["label"] == "b"], "classification")
    assert alone.absent == {"roc_auc": "no label is 'a'"}
    assert "log_loss" in alone.figures
    for changed, reason in (
        (frame.drop(columns=[f"output.proba.{name}" for name in "abc"]), "there are no probabilities"),
        (frame.drop(columns=["output.proba.a", "output.proba.b"]), "the model knows one class only"),
        (frame.assign(**{"output.proba.a": frame["output.proba.a"].where(frame.index > 1)}), "2 of the rows lack"),
        (frame.assign(**{"output.proba.a": 7.0}), "does not sum to 1"),
        (frame.assign(label="never seen"), "the model does not know the class 'never seen'"),
    ):
        found = measure(changed, "classification")
        assert set(found.absent) == {"roc_auc", "log_loss", "brier"}
        assert all(reason in each for each in found.absent.values())
        assert "accuracy" in found.figures
    one = pd.DataFrame({"label": [0.0], "output.prediction": [2.0]})
    single = measure(one, "regression")
    assert (single.rows, single.figures) == (1, {"mae": 2.0, "rmse": 2.0})
    assert single.absent == {"r2": "it takes two different labels", "mape": "a label is 0"}
    huge = measure(pd.DataFrame({"label": [1e300, -1e300], "output.prediction": [-1e300, 1e300]}), "regression")
    assert set(huge.absent) == {"rmse", "r2"}


def test_nothing_to_measure_has_no_figures() -> None:
    """No rows, no answers, labels that are no numbers, and tasks without labels."""
    one = pd.DataFrame({"label": [1.0], "output.prediction": [2.0]})
    texts = pd.DataFrame({"label": ["many"], "output.prediction": [2.0]})
    for frame, task in (
        (one.iloc[:0], "regression"),
        (one.iloc[:0], "classification"),
        (one[["label"]], "regression"),
        (one[["label"]], "classification"),
        (texts, "regression"),
        (one, "clustering"),
    ):
        assert quality(frame, task) == {}
        assert measure(frame, task).figures == {}


def test_each_class_has_its_own_figures() -> None:
    """Where they are defined: a class that was never said has no precision, one that never was no recall."""
    frame = pd.DataFrame({"label": ["a", "a", "b"], "output.prediction": ["a", "c", "c"]})
    found = measure(frame, "classification").classes
    assert found["a"] == {"rows": 2.0, "precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3)}
    assert "precision" not in found["b"]
    assert "recall" not in found["c"]
    assert (found["b"]["recall"], found["c"]["precision"]) == (0.0, 0.0)


def test_who_asked_for_probabilities_got_the_likeliest_class() -> None:
    """Without a prediction the class with the highest probability counts; labels of several types are read."""
    shares = {"output.proba.0": [0.9, 0.2, 0.5, np.nan], "output.proba.1": [0.1, 0.8, 0.5, np.nan]}
    frame = pd.DataFrame({"label": pd.Series([0, "1", 1.0, 1], dtype=object), **shares})
    found = measure(frame, "classification")
    assert (found.rows, found.figures["accuracy"]) == (3, 2 / 3)
    assert found.figures["brier"] == metrics.brier_score_loss([0, 1, 1], [0.1, 0.8, 0.5])
