"""Whatever MLflow can save is served: registered, tried, loaded by workers, and answered as it answers itself."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cloudpickle
import mlflow.lightgbm
import mlflow.pyfunc
import mlflow.sklearn
import mlflow.xgboost
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from cuelight.registry.memory import MemoryRegistry
from tests.support.host import POOL, Host, eventually, running
from tests.support.models import Shelf

_RANDOM = np.random.default_rng(5)
X = pd.DataFrame(_RANDOM.normal(size=(120, 4)), columns=list("abcd"))
NUMBER = 2 * X.a - X.b
LABEL = np.where(NUMBER > 0, "yes", "no")
CODE = (NUMBER > 0).astype(int)
FEW = X.head(5)
TABLE = X[["a", "b"]].assign(age=_RANDOM.integers(18, 90, 120), town=_RANDOM.choice(["Bath", "York"], 120))
SPLIT = {"dataframe_split": {"columns": list("abcd"), "data": FEW.to_numpy().tolist()}}
PROBABILITIES = {"params": {"predict_method": "predict_proba"}}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, registry: MemoryRegistry) -> Iterator[Host]:
    """One worker: what it imports for all these flavors, each one would."""
    with running(tmp_path_factory.mktemp("host"), registry, serving_workers=1) as host:
        yield host


@dataclass(frozen=True)
class Case:
    """A version: how it is saved, what is asked, and what it answers itself, as JSON would have it."""

    save: Callable[[Path], Any]
    asked: dict[str, Any]
    answer: Callable[[], Any]
    flavor: str
    way: str
    more: tuple[tuple[dict[str, Any], Callable[[], Any]], ...] = field(default=())


def _xgboost(path: Path, model: Any) -> None:
    mlflow.xgboost.save_model(
        model, path, signature=infer_signature(X, np.zeros(1)), input_example=FEW, pip_requirements=["xgboost"]
    )


def _lightgbm(path: Path, model: Any) -> None:
    mlflow.lightgbm.save_model(
        model, path, signature=infer_signature(X), input_example=FEW, pip_requirements=["lightgbm"]
    )


def _sklearn(path: Path, model: Any, **more: Any) -> None:
    options = {"signature": infer_signature(X), "input_example": FEW, "serialization_format": "cloudpickle"}
    mlflow.sklearn.save_model(model, path, pip_requirements=["scikit-learn"], **(options | more))


def _pyfunc(path: Path, model: Any, example: Any, **more: Any) -> None:
    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)
    try:
        mlflow.pyfunc.save_model(path, python_model=model, input_example=example, pip_requirements=["mlflow"], **more)
    finally:
        cloudpickle.unregister_pickle_by_value(here)


class Scaled(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Takes a frame and a parameter, gives a Series."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.Series:
        return (model_input.a + model_input.b) * (params or {})["factor"]


class Hinted(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Takes a list of objects by its type hints, gives a list."""

    def predict(self, model_input: list[dict[str, float]]) -> list[float]:
        return [sum(each.values()) for each in model_input]


class Coded(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Imports the code that came with it."""

    def predict(self, context: Any, model_input: pd.DataFrame) -> pd.DataFrame:
        from flavor_helper import doubled  # type: ignore[import-not-found]  # it comes with the version

        return doubled(model_input)


class Dated(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Takes a moment and an optional text, gives a dict of columns."""

    def predict(self, context: Any, model_input: pd.DataFrame) -> dict[str, Any]:
        words = model_input.word.fillna("none").tolist() if "word" in model_input else ["none"] * len(model_input)
        return {"year": model_input.when.dt.year.to_numpy(), "word": words}


def _cases(folder: Path) -> dict[str, Case]:
    import lightgbm
    import xgboost

    code = folder / "flavor_helper.py"
    code.write_text(
        textwrap.dedent("""
        def doubled(frame):
            return frame * 2
        """)
    )
    boosted = xgboost.XGBClassifier(n_estimators=8, n_jobs=1).fit(X, CODE)
    booster = xgboost.XGBRegressor(n_estimators=8, n_jobs=1).fit(X, NUMBER).get_booster()
    light = lightgbm.LGBMClassifier(n_estimators=8, n_jobs=1, verbose=-1).fit(X, LABEL)
    pipeline = make_pipeline(StandardScaler(), FunctionTransformer(np.abs)).set_output(transform="pandas").fit(X)
    clusters = KMeans(3, n_init=1, random_state=0).fit(X)
    several = MultiOutputRegressor(LinearRegression()).fit(X, np.column_stack([NUMBER, X.c]))
    nameless = LogisticRegression().fit(X.to_numpy(), LABEL)
    columns = make_column_transformer(
        (StandardScaler(), ["a", "b", "age"]), (OneHotEncoder(handle_unknown="ignore"), ["town"])
    )
    mixed = make_pipeline(columns, LogisticRegression()).fit(TABLE, LABEL)
    people = [*TABLE.head().to_dict("records"), {"a": 1.0, "b": 2.0, "age": 3, "town": "elsewhere"}]
    forest = RandomForestClassifier(20, random_state=0).fit(X, LABEL)
    moments = pd.DataFrame({"when": pd.to_datetime(["2024-05-01", "1999-01-01"]), "word": ["x", None]})
    records = FEW.to_dict("records")
    return {
        "boosted": Case(
            lambda path: _xgboost(path, boosted),
            SPLIT,
            lambda: np.asarray(boosted.predict(FEW)).tolist(),
            "xgboost",
            "arrays",
            ((SPLIT | PROBABILITIES, lambda: np.asarray(boosted.predict_proba(FEW)).tolist()),),
        ),
        "booster": Case(
            lambda path: _xgboost(path, booster),
            SPLIT,
            lambda: booster.predict(xgboost.DMatrix(FEW)).tolist(),
            "xgboost",
            "arrays",
        ),
        "light": Case(
            lambda path: _lightgbm(path, light),
            SPLIT,
            lambda: np.asarray(light.predict(FEW)).tolist(),
            "lightgbm",
            "arrays",
            ((SPLIT | PROBABILITIES, lambda: np.asarray(light.predict_proba(FEW)).tolist()),),
        ),
        "scaled": Case(
            lambda path: _pyfunc(path, Scaled(), FEW, signature=infer_signature(X, NUMBER, {"factor": 2.0})),
            SPLIT,
            lambda: ((FEW.a + FEW.b) * 2).tolist(),
            "pyfunc",
            "direct",
            ((SPLIT | {"params": {"factor": 0.5}}, lambda: ((FEW.a + FEW.b) / 2).tolist()),),
        ),
        "hinted": Case(
            lambda path: _pyfunc(path, Hinted(), records),
            {"inputs": [*records, {"a": 1.0}]},
            lambda: [*(sum(each.values()) for each in records), 1.0],
            "pyfunc",
            "model",
        ),
        "coded": Case(
            lambda path: _pyfunc(path, Coded(), FEW, signature=infer_signature(X, X), code_paths=[str(code)]),
            SPLIT,
            lambda: (FEW * 2).to_dict("records"),
            "pyfunc",
            "direct",
        ),
        "dated": Case(
            lambda path: _pyfunc(path, Dated(), moments, signature=infer_signature(moments)),
            {"dataframe_records": [{"when": "2001-02-03T04:05:06", "word": "w"}]},
            lambda: {"year": [2001], "word": ["w"]},
            "pyfunc",
            "direct",
            (({"dataframe_records": [{"when": "2001-02-03T00:00:00Z"}]}, lambda: {"year": [2001], "word": ["none"]}),),
        ),
        "frames": Case(
            lambda path: _sklearn(path, pipeline, pyfunc_predict_fn="transform"),
            SPLIT,
            lambda: pipeline.transform(FEW).to_dict("records"),
            "sklearn",
            "model",
        ),
        "clusters": Case(
            lambda path: _sklearn(path, clusters),
            SPLIT,
            lambda: clusters.predict(FEW).tolist(),
            "sklearn",
            "linear",
            ((SPLIT | {"params": {"predict_method": "transform"}}, lambda: clusters.transform(FEW).tolist()),),
        ),
        "several": Case(
            lambda path: _sklearn(path, several),
            SPLIT,
            lambda: several.predict(FEW).tolist(),
            "sklearn",
            "arrays",
        ),
        "nameless": Case(
            lambda path: _sklearn(path, nameless, signature=None, input_example=None),
            {"instances": FEW.to_numpy().tolist()},
            lambda: nameless.predict(FEW.to_numpy()).tolist(),
            "sklearn",
            "model",
            (
                (
                    {"instances": FEW.to_numpy().tolist()} | PROBABILITIES,
                    lambda: nameless.predict_proba(FEW.to_numpy()).tolist(),
                ),
            ),
        ),
        "tensor": Case(
            lambda path: _sklearn(
                path, nameless, signature=infer_signature(X.to_numpy(), LABEL), input_example=FEW.to_numpy()
            ),
            {"inputs": FEW.to_numpy().tolist()},
            lambda: nameless.predict(FEW.to_numpy()).tolist(),
            "sklearn",
            "linear",
        ),
        "mixed": Case(
            lambda path: _sklearn(path, mixed, signature=infer_signature(TABLE), input_example=TABLE.head()),
            {"dataframe_records": people},
            lambda: mixed.predict(pd.DataFrame(people)).tolist(),
            "sklearn",
            "columns, linear",
            (
                (
                    {"dataframe_records": people} | PROBABILITIES,
                    lambda: mixed.predict_proba(pd.DataFrame(people)).tolist(),
                ),
            ),
        ),
        "forest": Case(
            lambda path: _sklearn(path, forest),
            SPLIT,
            lambda: forest.predict(FEW).tolist(),
            "sklearn",
            "trees",
            ((SPLIT | PROBABILITIES, lambda: forest.predict_proba(FEW).tolist()),),
        ),
    }


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory, host: Host, shelf: Shelf) -> dict[str, Case]:
    """All of them, registered and in Production."""
    found = _cases(tmp_path_factory.mktemp("code"))
    for name, case in found.items():
        host.registry.set_stage(name, shelf.keep(name, case.save), "Production")
    return found


NAMES = [
    "boosted",
    "booster",
    "light",
    "scaled",
    "hinted",
    "coded",
    "dated",
    "frames",
    "clusters",
    "several",
    "nameless",
    "tensor",
    "mixed",
    "forest",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_version_of_any_flavor_answers_as_it_does_itself(name: str, cases: dict[str, Case], host: Host) -> None:
    """Through follower, trial, workers and HTTP: the same labels, the same numbers, in the same shape."""
    case = cases[name]
    eventually(lambda: host.serves(name, 1) or host.tags(name, 1).get("cuelight.state") == "refused")
    assert host.serves(name, 1), host.tags(name, 1)["cuelight.reason"]
    for asked, answer in ((case.asked, case.answer), *case.more):
        found = host.score(name, asked)
        assert found.status == 200, found.data
        _same(found.json()["predictions"], answer())
    production = POOL.request("GET", f"{host.url}/models/{name}").json()["tracks"]["Production"]
    assert (production["flavor"], production["way"]) == (case.flavor, case.way)


def _same(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for name, each in theirs.items():
            _same(ours[name], each)
    elif theirs and isinstance(theirs[0], dict):
        pd.testing.assert_frame_equal(pd.DataFrame(ours), pd.DataFrame(theirs), rtol=1e-12)
    elif theirs and isinstance(theirs[0], str):
        assert ours == theirs
    else:
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def _serves_itself(host: Host, shelf: Shelf, name: str, save: Callable[[Path], Any], rows: Any, answer: Any) -> None:
    host.registry.set_stage(name, shelf.keep(name, save), "Production")
    eventually(lambda: host.serves(name, 1) or host.tags(name, 1).get("cuelight.state") == "refused")
    assert host.serves(name, 1), host.tags(name, 1)["cuelight.reason"]
    for count in (len(rows), 1):
        found = host.score(name, {"inputs": rows[:count].tolist()})
        assert found.status == 200, found.data
        np.testing.assert_allclose(found.json()["predictions"], answer[:count], rtol=1e-5, atol=1e-6)  # sums of 32 bits


def test_a_pytorch_network_answers_as_it_does_itself(host: Host, shelf: Shelf) -> None:
    """32-bit tensors in and out, within the trial's limits. `make test` brings PyTorch where it can."""
    torch = pytest.importorskip("torch", reason="PyTorch is not here: see requirements/networks.sh")
    import mlflow.pytorch

    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Dropout(), torch.nn.Linear(8, 2))
    network.eval()
    rows = FEW.to_numpy(np.float32)
    answer = network(torch.from_numpy(rows.copy())).detach().numpy()

    def save(path: Path) -> None:
        mlflow.pytorch.save_model(
            network,
            path,
            signature=infer_signature(rows, answer),
            input_example=rows,
            serialization_format="pickle",
            pip_requirements=["torch"],
        )

    _serves_itself(host, shelf, "network", save, rows, answer)


def test_a_tensorflow_network_answers_as_it_does_itself(host: Host, shelf: Shelf) -> None:
    """By the same path as PyTorch's."""
    tensorflow = pytest.importorskip("tensorflow", reason="TensorFlow is not here: see requirements/networks.sh")
    import mlflow.tensorflow

    layers = tensorflow.keras.layers
    network = tensorflow.keras.Sequential([layers.Input((4,)), layers.Dense(8, "relu"), layers.Dense(2)])
    rows = FEW.to_numpy(np.float32)
    answer = network.predict(rows)

    def save(path: Path) -> None:
        mlflow.tensorflow.save_model(
            network,
            path,
            signature=infer_signature(rows, answer),
            input_example=rows,
            pip_requirements=["tensorflow"],
        )

    _serves_itself(host, shelf, "tensors", save, rows, answer)
