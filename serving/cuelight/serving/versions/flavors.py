"""XGBoost and LightGBM, loaded without MLflow: its import costs a worker seconds and 100 MB.

Both answer by the methods that scikit-learn's estimators have. On an array their trees are 3 to 30 times as quick
as on a DataFrame; as with every quicker way, the trial must prove it equal first.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from cuelight.kit.errors import Refused
from cuelight.protocol.signature import Signature
from cuelight.registry.trusted_types import skops_io
from cuelight.serving.versions.compiled import Compiled, on_arrays

XGBOOST, LIGHTGBM = "xgboost", "lightgbm"
_LOADERS = {"mlflow.xgboost": XGBOOST, "mlflow.lightgbm": LIGHTGBM}
_XGBOOST_BOOSTER, _LIGHTGBM_BOOSTER = "xgboost.core.Booster", "lightgbm.basic.Booster"
_NUMBERS = ("double", "float", "long", "integer")


def native(flavors: Mapping[str, Any], signature: Signature) -> str:
    """The flavor by which Cuelight loads these; empty: MLflow must.

    One with parameters of its own is MLflow's to load: it knows which of them the model takes.
    """
    name = _LOADERS.get(str(flavors.get("python_function", {}).get("loader_module")), "")
    return name if name in flavors and not signature.parameters else ""


def load_native(files: Path, name: str, flavor: Mapping[str, Any]) -> Any:
    """The model in `files`, with the methods that its kind has, on as many threads as OMP_NUM_THREADS says."""
    path, kind = files / str(flavor["data"]), str(flavor.get("model_class", ""))
    return _load_xgboost(path, kind) if name == XGBOOST else _load_lightgbm(path, kind, flavor)


def arrays(model: Any, signature: Signature) -> list[Compiled]:
    """`model` on arrays of numbers instead of frames, where its signature has nothing but numbers."""
    if not signature.columns or any(each.type not in _NUMBERS or not each.required for each in signature.columns):
        return []
    longs = [each.name for each in signature.columns if each.type == "long"]
    if isinstance(model, SimpleNamespace):  # a booster
        return [on_arrays(SimpleNamespace(predict=model.on_arrays), longs)]
    if hasattr(model, "booster_"):
        return [on_arrays(_lightgbm_on_arrays(model), longs)]
    return [on_arrays(_methods(model, validate_features=False), longs)]


def _load_xgboost(path: Path, kind: str) -> Any:
    import xgboost

    if kind in ("", _XGBOOST_BOOSTER):
        booster = xgboost.Booster({"nthread": _threads()}, model_file=str(path))
        booster.set_param({"nthread": _threads()})
        return SimpleNamespace(
            predict=lambda data: booster.predict(xgboost.DMatrix(data, nthread=_threads())),
            on_arrays=partial(booster.inplace_predict, validate_features=False),
        )
    module, _, name = kind.rpartition(".")
    model = getattr(importlib.import_module(module), name)()
    model.load_model(str(path))
    model.set_params(n_jobs=_threads())
    model.get_booster().set_param({"nthread": _threads()})
    return model


def _load_lightgbm(path: Path, kind: str, flavor: Mapping[str, Any]) -> Any:
    import lightgbm

    if kind in ("", _LIGHTGBM_BOOSTER):
        booster = lightgbm.Booster(model_file=str(path))
        predict = partial(booster.predict, num_threads=_threads())
        return SimpleNamespace(predict=predict, on_arrays=predict)
    model = load_estimator(path, str(flavor.get("serialization_format", "cloudpickle")))
    model.set_params(n_jobs=_threads())  # left alone it takes all cores, whatever OpenMP is told
    return model


def load_estimator(path: Path, form: str) -> Any:
    """An estimator in a file that somebody vouches for.

    Raises:
        Refused: in none of MLflow's forms.
    """
    if form == "skops":
        io = skops_io()
        return io.load(path, trusted=sorted(io.get_untrusted_types(file=path)))
    if form == "cloudpickle":
        import cloudpickle

        return cloudpickle.loads(path.read_bytes())
    if form == "pickle":
        import pickle

        return pickle.loads(path.read_bytes())  # noqa: S301  signed by a known key
    raise Refused(f"It is a {form[:100]} file, which nothing here can read.")


def _lightgbm_on_arrays(model: Any) -> Any:
    """What LightGBM's estimators do after scikit-learn's validation, which takes most of their time."""
    score = partial(model.booster_.predict, num_threads=_threads())
    if not hasattr(model, "classes_"):
        return SimpleNamespace(predict=score)

    def predict_proba(data: Any) -> Any:
        scores = score(data)
        return scores if scores.ndim == 2 else np.column_stack([1.0 - scores, scores])

    def predict(data: Any) -> Any:
        return model.classes_[np.argmax(predict_proba(data), axis=1)]

    return SimpleNamespace(predict=predict, predict_proba=predict_proba, classes_=model.classes_)


def _methods(model: Any, **options: Any) -> Any:
    known = {name: getattr(model, name, None) for name in ("predict", "predict_proba")}
    bound = {name: partial(each, **options) for name, each in known.items() if each}
    return SimpleNamespace(**bound, **({"classes_": model.classes_} if "predict_proba" in bound else {}))


def _threads() -> int:
    """Workers are many already: one thread each, unless somebody chose otherwise."""
    chosen = os.environ.get("OMP_NUM_THREADS", "")
    return int(chosen) if chosen.isdecimal() else 1
