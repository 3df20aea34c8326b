"""The allow-list covers what scikit-learn's models hold, and nothing that runs code."""

from __future__ import annotations

import builtins
import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier, TweedieRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    StandardScaler,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from cuelight.registry.trusted_types import allowed_types, skops_io

X = np.random.default_rng(0).random((60, 4))
Y = (X[:, 0] > 0.5).astype(int)
FRAME = pd.DataFrame(X, columns=list("abcd")).assign(kind=np.where(Y, "x", "y"))


def columns() -> Any:
    """A pipeline of a kind that is met in practice: numbers scaled, words one-hot, then a model."""
    return make_pipeline(
        ColumnTransformer(
            [
                ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), list("abcd")),
                ("words", OneHotEncoder(handle_unknown="ignore"), ["kind"]),
            ],
            remainder="passthrough",
        ),
        LogisticRegression(),
    )


MODELS: dict[str, Callable[[], Any]] = {
    "forest": lambda: RandomForestClassifier(3).fit(X, Y),
    "forest regressor": lambda: RandomForestRegressor(3).fit(X, Y),
    "tree": lambda: DecisionTreeClassifier().fit(X, Y),
    "boosting": lambda: GradientBoostingRegressor(n_estimators=3).fit(X, Y),
    "histogram boosting": lambda: HistGradientBoostingClassifier(max_iter=3, early_stopping=True).fit(X, Y),
    "histogram boosting regressor": lambda: HistGradientBoostingRegressor(max_iter=3, loss="poisson").fit(X, Y),
    "isolation forest": lambda: IsolationForest(n_estimators=3, random_state=np.random.RandomState(0)).fit(X),
    "columns": lambda: columns().fit(FRAME, Y),
    "clusters": lambda: KMeans(2, n_init=1, random_state=0).fit(X),
    "logistic": lambda: LogisticRegression().fit(X, Y),
    "stochastic": lambda: SGDClassifier().fit(X, Y),
    "tweedie": lambda: TweedieRegressor(power=1.5).fit(X, Y),
    "neighbours": lambda: KNeighborsClassifier().fit(X, Y),
    "ball tree": lambda: KNeighborsClassifier(algorithm="ball_tree", metric="manhattan").fit(X, Y),
    "vectors": lambda: SVC().fit(X, Y),
    "perceptron": lambda: MLPClassifier((3,), max_iter=3).fit(X, Y),
    "voting": lambda: VotingClassifier([("a", LogisticRegression()), ("b", SVC())]).fit(X, Y),
    "search": lambda: GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2).fit(X, Y),
    "calibrated": lambda: CalibratedClassifierCV(SVC(), method="isotonic", cv=2).fit(X, Y),
    "bins": lambda: make_pipeline(KBinsDiscretizer(2), SelectKBest(k=1)).fit(X, Y),
    "logarithm": lambda: make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()).fit(X, Y),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS.keys())
def test_scikit_learns_models_pass(make: Callable[[], Any]) -> None:
    """A fitted model of scikit-learn's holds only allowed types, and loads with exactly those."""
    io = skops_io()
    content = io.dumps(make())
    untrusted = io.get_untrusted_types(data=content)
    assert set(untrusted) <= allowed_types()
    io.loads(content, trusted=untrusted)


SMUGGLED = [os.system, builtins.eval, builtins.exec, subprocess.run, importlib.import_module, builtins.getattr, open]


@pytest.mark.parametrize("function", SMUGGLED, ids=lambda each: f"{each.__module__}.{each.__name__}")
def test_smuggled_functions_do_not_pass(function: Callable[..., Any]) -> None:
    """A transformer that would call a function on the rows it is sent is not covered by the list."""
    content = skops_io().dumps(make_pipeline(FunctionTransformer(function), LogisticRegression()))
    assert not set(skops_io().get_untrusted_types(data=content)) <= allowed_types()


def test_the_list_is_of_types() -> None:
    """What the list names is a class, or one of the few score functions, wherever it exists here."""
    functions = set()
    for name in allowed_types():
        module, _, each = name.rpartition(".")
        if module.startswith("cuelight.pipelines"):
            continue
        try:
            found = getattr(importlib.import_module(module), each, None)
        except ModuleNotFoundError:
            continue  # of another version of scikit-learn
        if found is not None and not isinstance(found, type):
            functions.add(each)
    assert functions == {
        "chi2", "f_classif", "f_oneway", "f_regression", "mutual_info_classif", "mutual_info_regression"
    }  # fmt: skip


def test_importing_it_is_light() -> None:
    """The module is imported without scikit-learn, since every worker imports it."""
    script = "import sys, cuelight.registry.trusted_types; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_skops_comes_alone() -> None:
    """What scikit-learn's modules import where it is installed stays out of processes that load models."""
    script = """
import sys
from cuelight.registry.trusted_types import allowed_types, skops_io
skops_io(), allowed_types()
print(sorted({"torch", "dask", "cupy", "jax", "pytest"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
