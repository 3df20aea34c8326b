"""Which classifiers answer with the class of the highest probability, by their construction."""

from __future__ import annotations

from typing import Any

import numpy as np

from cuelight.serving.versions.compiled import Array, kind

# Their label is that of the highest probability, or of the highest score that the probabilities rise with. Not so:
# SVC, whose probabilities are fitted apart from its scores, and classifiers with a threshold of their own.
_LED = {
    *("RandomForestClassifier", "ExtraTreesClassifier", "DecisionTreeClassifier", "ExtraTreeClassifier"),
    *("GradientBoostingClassifier", "HistGradientBoostingClassifier", "AdaBoostClassifier", "BaggingClassifier"),
    *("LogisticRegression", "LogisticRegressionCV", "SGDClassifier", "MLPClassifier", "KNeighborsClassifier"),
    *("LinearDiscriminantAnalysis", "QuadraticDiscriminantAnalysis", "CalibratedClassifierCV"),
    *("GaussianNB", "MultinomialNB", "ComplementNB", "BernoulliNB", "CategoricalNB"),
}
_BOOSTERS = {"xgboost.sklearn.XGBClassifier", "lightgbm.sklearn.LGBMClassifier"}
_INSIDE = {"GridSearchCV": "best_estimator_", "RandomizedSearchCV": "best_estimator_"}
_INSIDE |= {"StackingClassifier": "final_estimator_", "FrozenEstimator": "estimator"}
# Where the two highest are nearer than this, scores could still tell them apart, or tell them otherwise.
_MARGINS = {"f": 1e-5, "d": 1e-9}


def led_by_probabilities(model: Any) -> bool:
    """Whether the label is the class of the highest probability, but for near ties."""
    name = kind(model)
    if name == "Pipeline":
        return led_by_probabilities(model.steps[-1][1])
    if name in _INSIDE:
        return led_by_probabilities(getattr(model, _INSIDE[name]))
    if name == "VotingClassifier":
        return bool(model.voting == "soft")
    return name in _LED or f"{type(model).__module__}.{type(model).__qualname__}" in _BOOSTERS


def leaders(shares: Array) -> Array | None:
    """The place of the highest probability in each row of (rows, classes); None where one is a near tie."""
    if shares.shape[1] > 1:
        best = np.partition(shares, -2, axis=1)
        if not (best[:, -1] - best[:, -2]).min(initial=1.0) > _MARGINS.get(shares.dtype.char, 1.0):
            return None
    places: Array = np.argmax(shares, axis=1)
    return places
