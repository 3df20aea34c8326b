"""From files in the store to something that predicts."""

from __future__ import annotations

import importlib
import pickle
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cuelight.kit.errors import BadInput, Refused
from cuelight.protocol.rows import Rows
from cuelight.protocol.signature import Signature
from cuelight.registry.trusted_types import allowed_types
from cuelight.serving import soundness
from cuelight.serving.compiled import Compiled, candidates
from cuelight.serving.trust import read_mlmodel

_METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function", "transform", "score_samples")


@dataclass(frozen=True)
class Output:
    """What a model answered, with `{"classes": [...], "values": [[...], ...]}` where it has probabilities cheaply."""

    values: Any
    probabilities: dict[str, Any] | None = None


@dataclass(frozen=True)
class Shortcuts:
    """What the trial proved of a version, so that it may be served in a quicker way.

    `labels_from_probabilities`: the class of the highest probability is the model's own label, so that one call
    gives both. `compiled`: the name of the quicker way that answers as the model does; empty: none.
    """

    labels_from_probabilities: bool = False
    compiled: str = ""


@dataclass(frozen=True)
class LoadedVersion:
    """A version in memory: its signature, and one call that predicts.

    `by_row`: its answer for a row does not depend on the rows beside it, so callers' rows may be predicted together.
    `predict_seconds` is what its input example took in the trial. `way`: `linear` or `arrays` (see `compiled`), or
    `model`: as the model itself does.
    """

    digest: str
    signature: Signature
    signature_json: str
    flavor: str
    by_row: bool
    predict: Callable[[Rows, Mapping[str, Any]], Output]
    load_seconds: float
    predict_seconds: float = 0.0
    way: str = "model"


def load(files: Path, digest: str, signed_by: str, shortcuts: Shortcuts | None = None) -> LoadedVersion:
    """Load the version in `files`, natively where it is scikit-learn's, else by MLflow.

    Raises:
        Refused: its format may not be loaded, or loading failed.
    """
    began, way = time.perf_counter(), "model"
    mlmodel = read_mlmodel(files)
    try:
        signature = Signature.from_mlmodel(mlmodel.get("signature"))
        flavors = mlmodel.get("flavors") or {}
        if "sklearn" in flavors and flavors.get("python_function", {}).get("loader_module") == "mlflow.sklearn":
            model = _load_sklearn(files, flavors["sklearn"], signed_by)
            method = str(flavors["python_function"].get("predict_fn") or "predict")
            chosen = shortcuts or Shortcuts()
            quick = next((each for each in candidates(model, signature) if each.name == chosen.compiled), None)
            predict, flavor = _sklearn_predict(model, method, chosen.labels_from_probabilities, quick), "sklearn"
            way = quick.name if quick else way
        else:
            predict, flavor = _load_pyfunc(files, signed_by), "pyfunc"
    except Refused:
        raise
    except Exception as error:  # anything can come out of loading somebody's file
        raise Refused(f"It can't be loaded ({type(error).__name__}: {str(error)[:300]}).") from error
    seconds, by_row = time.perf_counter() - began, flavor == "sklearn"
    return LoadedVersion(digest, signature, signature.to_json(), flavor, by_row, predict, seconds, way=way)


def preload() -> None:
    """Import what most versions need, before workers are forked, so that they share it."""
    for name in (
        "pandas",
        "sklearn.pipeline",
        "sklearn.compose",
        "sklearn.linear_model",
        "sklearn.ensemble",
        "skops.io",
    ):
        importlib.import_module(name)


def _load_sklearn(files: Path, flavor: Mapping[str, Any], signed_by: str) -> Any:
    path = files / str(flavor.get("pickled_model", ""))
    form = flavor.get("serialization_format")
    if form == "skops":
        from skops import io

        untrusted = set(io.get_untrusted_types(file=path))
        strange = untrusted - allowed_types()
        if strange and not signed_by:
            raise Refused(f"It holds types that are not on the allow-list: {', '.join(sorted(strange))}. See `trust`.")
        model = io.load(path, trusted=sorted(untrusted))
        if not signed_by:
            soundness.check(model)
        return model
    if not signed_by:
        raise Refused(f"It is a {form} file, which runs code when it is loaded, and it is not signed.")
    if form == "cloudpickle":
        import cloudpickle

        return cloudpickle.loads(path.read_bytes())
    return pickle.loads(path.read_bytes())  # noqa: S301  signed by a known key


def _load_pyfunc(files: Path, signed_by: str) -> Callable[[Rows, Mapping[str, Any]], Output]:
    if not signed_by:
        raise Refused("It is no scikit-learn model in skops form, and it is not signed.")
    import mlflow.pyfunc  # costs seconds and 100 MB: only for versions that need it

    model = mlflow.pyfunc.load_model(str(files))

    def predict(rows: Rows, parameters: Mapping[str, Any]) -> Output:
        return Output(model.predict(rows.native(), params=dict(parameters) or None))

    return predict


def _sklearn_predict(
    original: Any, usual: str, labels_from_probabilities: bool, quick: Compiled | None
) -> Callable[[Rows, Mapping[str, Any]], Output]:
    """`usual` is the method that MLflow calls for this version (`pyfunc_predict_fn` when it was saved)."""
    classes = getattr(original, "classes_", None)
    model = quick.model if quick else original
    shortest = quick.predict if quick and usual == "predict" else None

    def predict(rows: Rows, parameters: Mapping[str, Any]) -> Output:
        method = parameters.get("predict_method", usual)
        if method not in _METHODS or not hasattr(model, method):
            known = [each for each in _METHODS if hasattr(model, each)]
            raise BadInput(f"This model has no such predict_method; it has {', '.join(known)}.")
        data = rows.matrix() if quick else rows.native()
        if shortest and method == "predict":
            return Output(shortest(data))
        if method == "predict" and labels_from_probabilities:
            return both(model, data)
        values = getattr(model, method)(data)
        return Output(values, _probabilities(classes, values) if method == "predict_proba" else None)

    return predict


def both(model: Any, data: Any) -> Output:
    """Labels and probabilities by one call: the label is the class of the highest probability."""
    shares = model.predict_proba(data)
    return Output(np.asarray(model.classes_)[np.argmax(shares, axis=1)], _probabilities(model.classes_, shares))


def _probabilities(classes: Any, values: Any) -> dict[str, Any] | None:
    if classes is None or getattr(values, "ndim", 0) != 2:
        return None
    return {"classes": np.asarray(classes).tolist(), "values": values.tolist()}
