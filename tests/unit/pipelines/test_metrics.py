"""Tests of the metrics against scikit-learn's own, and of the losses behind them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as theirs

from cuelight.kit.errors import Misconfigured
from cuelight.pipelines.answers import Answers
from cuelight.pipelines.metrics import METRICS, metric, row_losses

RANDOM = np.random.default_rng(3)
FEATURES = pd.DataFrame(RANDOM.normal(size=(200, 3)) + np.repeat([[0.0], [6.0]], 100, axis=0), columns=list("abc"))
NUMBERS = RANDOM.normal(size=200)
REGRESSION = Answers(FEATURES, NUMBERS, NUMBERS + RANDOM.normal(size=200))
TRUE = RANDOM.integers(0, 2, 200)
CHANCE = np.clip(TRUE * 0.4 + RANDOM.uniform(0.05, 0.5, 200), 0, 1)
BINARY = Answers(FEATURES, TRUE, (CHANCE > 0.5).astype(int), np.c_[1 - CHANCE, CHANCE], (0, 1))
KINDS = np.array(["u", "v", "w"], dtype=object)[RANDOM.integers(0, 3, 200)]
SHARES = RANDOM.dirichlet([1, 1, 1], 200)
MANY = Answers(FEATURES, KINDS, np.array(["u", "v", "w"], dtype=object)[SHARES.argmax(1)], SHARES, ("u", "v", "w"))
CLUSTERS = Answers(FEATURES, None, np.repeat([0, 1], 100))


def test_regression_metrics_are_those_of_scikit_learn() -> None:
    """rmse, mae and r2 agree on the same rows."""
    pair = (REGRESSION.truth, REGRESSION.prediction)
    assert metric("rmse", "regression").score(REGRESSION) == pytest.approx(theirs.root_mean_squared_error(*pair))
    assert metric("mae", "regression").score(REGRESSION) == pytest.approx(theirs.mean_absolute_error(*pair))
    assert metric("r2", "regression").score(REGRESSION) == pytest.approx(theirs.r2_score(*pair))


@pytest.mark.parametrize("answers", [BINARY, MANY], ids=["two classes", "three classes"])
def test_classification_metrics_are_those_of_scikit_learn(answers: Answers) -> None:
    """Accuracy, log loss, ROC AUC, F1 and balanced accuracy agree on the same rows, for two classes and for more."""
    pair = (answers.truth, answers.prediction)
    chances = answers.probabilities
    assert chances is not None
    two = len(answers.classes) == 2
    area = theirs.roc_auc_score(answers.truth, chances[:, 1] if two else chances, multi_class="ovr")
    expected = {
        "accuracy": theirs.accuracy_score(*pair),
        "log_loss": theirs.log_loss(answers.truth, chances),
        "roc_auc": area,
        "f1": theirs.f1_score(*pair, average="macro"),
        "balanced_accuracy": theirs.balanced_accuracy_score(*pair),
    }
    for name, value in expected.items():
        assert metric(name, "classification").score(answers) == pytest.approx(value), name


@pytest.mark.parametrize(
    ("name", "answers"),
    [("mae", REGRESSION), ("log_loss", BINARY), ("log_loss", MANY), ("accuracy", MANY), ("silhouette", CLUSTERS)],
)
def test_the_mean_of_the_losses_goes_with_the_metric(name: str, answers: Answers) -> None:
    """A lower mean loss per row is a better metric: what the gate compares is what people read."""
    found = METRICS[name]
    mean = row_losses(answers, found).mean()
    score = found.score(answers)
    assert mean == pytest.approx({"accuracy": 1 - score, "silhouette": -score}.get(name, score))


def test_a_class_never_seen_costs_a_finite_fortune() -> None:
    """A truth outside the model's classes has a large loss, not an error and not infinity."""
    strange = Answers(FEATURES.head(2), np.array([0, 7]), np.array([0, 1]), np.array([[0.9, 0.1]] * 2), (0, 1))
    losses = row_losses(strange, METRICS["log_loss"])
    assert losses[0] < 0.2
    assert 30 < losses[1] < 40


@pytest.mark.parametrize("known", [[0, 1, 2, 7], [0, 1], [7, 8]])
def test_the_area_is_had_whatever_classes_come_true(known: list[int]) -> None:
    """One of three classes may be absent and a fourth may come: the area is that of the known ones that came true."""
    random = np.random.default_rng(0)
    truth, shares = random.choice(known, 200), random.dirichlet([1, 1, 1], 200)
    found = METRICS["roc_auc"].score(Answers(FEATURES.head(200), truth, shares.argmax(axis=1), shares, (0, 1, 2)))
    each = [theirs.roc_auc_score(truth == one, shares[:, one]) for one in (0, 1, 2) if one in known]
    assert found == pytest.approx(np.mean(each) if each else float("nan"), nan_ok=True)


def test_two_clear_clusters_have_a_high_silhouette_and_one_has_none() -> None:
    """Clusters far apart score near 1; a model that puts all rows into one scores 0 instead of failing."""
    assert metric("silhouette", "clustering").score(CLUSTERS) > 0.6
    lumped = Answers(FEATURES, None, np.zeros(200))
    assert metric("silhouette", "clustering").score(lumped) == 0.0


def test_probabilities_that_are_not_there_are_named() -> None:
    """A metric that needs them says so."""
    bare = Answers(FEATURES, TRUE, TRUE)
    with pytest.raises(Misconfigured, match="predict_proba"):
        metric("log_loss", "classification").score(bare)


def test_better_follows_the_metrics_direction() -> None:
    """Less error is better, more accuracy is better, and equal is not better."""
    assert METRICS["rmse"].better(1.0, 2.0)
    assert METRICS["accuracy"].better(0.9, 0.8)
    assert not METRICS["rmse"].better(1.0, 1.0)
