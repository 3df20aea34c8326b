"""Metrics by name: how each is computed, which way is better, and what it costs per row where it can be told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from cuelight.kit.errors import Misconfigured
from cuelight.pipelines.answers import Answers, Array

REGRESSION, CLASSIFICATION, CLUSTERING = "regression", "classification", "clustering"
TASKS = (REGRESSION, CLASSIFICATION, CLUSTERING)
_LEAST_PROBABILITY = 1e-15


@dataclass(frozen=True)
class Metric:
    """One figure of quality. `loss` gives one number a row, less is better, whose mean goes with the metric."""

    name: str
    task: str
    greater_is_better: bool
    score: Callable[[Answers], float]
    loss: Callable[[Answers], Array] | None = None

    def better(self, one: float, other: float) -> bool:
        """Whether `one` is strictly better than `other`."""
        return one > other if self.greater_is_better else one < other


def metric(name: str, task: str) -> Metric:
    """The metric of that name.

    Raises:
        Misconfigured: there is none of that name for the task; the text names those that there are.
    """
    found = METRICS.get(name)
    if found is None or found.task != task:
        names = ", ".join(each.name for each in METRICS.values() if each.task == task)
        raise Misconfigured(f"There is no {task} metric {name!r}; choose from: {names}.")
    return found


def row_losses(answers: Answers, primary: Metric) -> Array:
    """One loss a row, shape (rows,), of a metric that has them."""
    if primary.loss is None:
        raise Misconfigured(f"Metric {primary.name!r} has no loss per row, so it can't be a primary metric.")
    return np.asarray(primary.loss(answers), dtype=float)


def _squared(answers: Answers) -> Array:
    return np.asarray((answers.known - answers.prediction) ** 2)


def _absolute(answers: Answers) -> Array:
    return np.asarray(np.abs(answers.known - answers.prediction))


def _r2(answers: Answers) -> float:
    from sklearn.metrics import r2_score

    return float(r2_score(answers.known, answers.prediction))


def _wrong(answers: Answers) -> Array:
    return np.asarray(answers.known != answers.prediction, dtype=float)


def _f1(answers: Answers) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(answers.known, answers.prediction, average="macro"))


def _balanced_accuracy(answers: Answers) -> float:
    from sklearn.metrics import recall_score

    return float(recall_score(answers.known, answers.prediction, average="macro", zero_division=0.0))


def _probabilities(answers: Answers, name: str) -> Array:
    if answers.probabilities is None:
        raise Misconfigured(f"Metric {name!r} needs an estimator with predict_proba: take it out, or take another one.")
    return answers.probabilities


def _roc_auc(answers: Answers) -> float:
    """One class against the rest, averaged over the classes that came true; one the model has never seen is a rest."""
    from sklearn.metrics import roc_auc_score

    values = _probabilities(answers, "roc_auc")
    if len(np.unique(answers.known)) < 2:
        return float("nan")
    chosen = [1] if len(answers.classes) == 2 else range(len(answers.classes))
    sides = [(answers.known == answers.classes[each], values[:, each]) for each in chosen]
    areas = [roc_auc_score(side, scores) for side, scores in sides if side.any()]
    return float(np.mean(areas)) if areas else float("nan")


def _surprise(answers: Answers) -> Array:
    """Minus the log of the probability given to what came true; a class the model has never seen costs the most."""
    values = _probabilities(answers, "log_loss")
    given = np.full(len(values), 0.0)
    for position, each in enumerate(answers.classes):
        given = np.where(answers.known == each, values[:, position], given)
    return np.asarray(-np.log(np.clip(given, _LEAST_PROBABILITY, 1.0)))


def _standardised(answers: Answers) -> Array:
    values = answers.features.to_numpy(dtype=float)
    spread = values.std(axis=0)
    return np.asarray((values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _clusters(answers: Answers) -> int:
    return len(np.unique(answers.prediction))


def _apartness(answers: Answers) -> Array:
    """Minus the silhouette of each row, on features scaled by these rows, so that two models share one space."""
    from sklearn.metrics import silhouette_samples

    if not 1 < _clusters(answers) < len(answers.prediction):
        return np.zeros(len(answers.prediction))
    return np.asarray(-silhouette_samples(_standardised(answers), answers.prediction))


def _davies_bouldin(answers: Answers) -> float:
    from sklearn.metrics import davies_bouldin_score

    if not 1 < _clusters(answers) < len(answers.prediction):
        return float("nan")
    return float(davies_bouldin_score(_standardised(answers), answers.prediction))


_ALL = (
    Metric("rmse", REGRESSION, False, lambda answers: float(np.sqrt(_squared(answers).mean())), _squared),
    Metric("mae", REGRESSION, False, lambda answers: float(_absolute(answers).mean()), _absolute),
    Metric("r2", REGRESSION, True, _r2, _squared),
    Metric("accuracy", CLASSIFICATION, True, lambda answers: float(1.0 - _wrong(answers).mean()), _wrong),
    Metric("log_loss", CLASSIFICATION, False, lambda answers: float(_surprise(answers).mean()), _surprise),
    Metric("roc_auc", CLASSIFICATION, True, _roc_auc),
    Metric("f1", CLASSIFICATION, True, _f1),
    Metric("balanced_accuracy", CLASSIFICATION, True, _balanced_accuracy),
    Metric("silhouette", CLUSTERING, True, lambda answers: float(-_apartness(answers).mean()), _apartness),
    Metric("davies_bouldin", CLUSTERING, False, _davies_bouldin),
)
METRICS: Mapping[str, Metric] = {each.name: each for each in _ALL}
