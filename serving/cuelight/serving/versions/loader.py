"""From files in the store to something that predicts."""

from __future__ import annotations

import contextlib
import importlib
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from cuelight.kit.errors import BadInput, Refused
from cuelight.protocol.decoder import Decoder
from cuelight.protocol.parameters import METHODS
from cuelight.protocol.rows import Rows
from cuelight.protocol.signature import Signature
from cuelight.registry.mlmodel import read_mlmodel
from cuelight.registry.trusted_types import allowed_types, skops_io
from cuelight.serving.versions import flavors, image, pyfunc, soundness
from cuelight.serving.versions.code_paths import CodePaths
from cuelight.serving.versions.compiled import Answer, Compiled, candidates
from cuelight.serving.versions.labels import leaders, led_by_probabilities

# In the metadata that a version was saved with: rows may be predicted together, its code answers each by itself.
BY_ROW = "cuelight.by_row"
# Workers are many already: one thread each for BLAS, OpenMP and PyTorch, unless somebody chose otherwise.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_MODEL = "model"
_SKLEARN, _PYFUNC = "sklearn", "pyfunc"


class Output(Struct, frozen=True):
    """What a model answered, with `{"classes": [...], "values": [[...], ...]}` where it has probabilities cheaply."""

    values: Any
    probabilities: dict[str, Any] | None = None


@dataclass(frozen=True)
class Shortcuts:
    """What the trial proved of a version, so that it may be served in a quicker way.

    `labels_from_probabilities`: the class of the highest probability is the model's own label, so that one call
    gives both. `compiled`: the name of the quicker way that answers as the model does; empty: none. `by_row`: no
    answer was seen to depend on the rows beside it. `image`: the digest of the model's image, or `image.MAKE`; empty:
    there is none.
    """

    labels_from_probabilities: bool = False
    compiled: str = ""
    by_row: bool = True
    image: str = ""


Predict = Callable[[Rows, Mapping[str, Any]], Output]


@dataclass(frozen=True)
class LoadedVersion:
    """A version in memory: its signature, and one call that predicts.

    `by_row`: its answer for a row does not depend on the rows beside it, so callers' rows may be predicted together.
    `predict_seconds` is what its input example took in the trial, `byte_seconds` what each byte more took,
    `resident_bytes` the memory that it takes. `way`: the name of the compiled way that predicts (see `compiled`),
    `direct` (see `pyfunc`), or `model`: as the model itself does. `image`: the digest of the one it came from, or
    made. `model` is what was loaded, with methods as scikit-learn's estimators have them, and `method` the usual one;
    None where MLflow loaded it. `bound` lets a predict find the code that came with the version.
    """

    digest: str
    signature: Signature
    signature_json: str
    flavor: str
    by_row: bool
    predict: Predict
    load_seconds: float
    predict_seconds: float = 0.0
    byte_seconds: float = 0.0
    resident_bytes: int = 0
    way: str = "model"
    image: str = ""
    model: Any = field(default=None, repr=False)
    method: str = "predict"
    bound: Callable[[Predict], Predict] = field(default=lambda predict: predict, repr=False)
    decoder: Decoder = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "decoder", Decoder(self.signature))

    def candidates(self) -> list[Compiled]:
        """The ways that may be quicker, the quickest first."""
        if self.model is None:
            return []
        return (candidates if self.flavor == _SKLEARN else flavors.arrays)(self.model, self.signature)

    def shortened(self, shortcuts: Shortcuts) -> LoadedVersion:
        """This version as these shortcuts say; one that MLflow loaded as it is."""
        if self.model is None:
            return self
        known = self.candidates() if shortcuts.compiled else []
        return self.by(shortcuts, next((each for each in known if each.name == shortcuts.compiled), None))

    def by(self, shortcuts: Shortcuts, quick: Compiled | None) -> LoadedVersion:
        """This version, predicting in another way; only for one with a `model`."""
        predict = _sklearn_predict(self.model, self.method, shortcuts.labels_from_probabilities, quick)
        return replace(self, predict=self.bound(predict), way=quick.name if quick else _MODEL)


def load(files: Path, digest: str, signed_by: str, shortcuts: Shortcuts | None = None) -> LoadedVersion:
    """Load the version in `files`, natively where it is scikit-learn's, else by MLflow.

    Raises:
        Refused: its format may not be loaded, or loading failed.
    """
    began = time.perf_counter()
    sys.dont_write_bytecode = True  # a version's code must leave no file beside it: its folder would not verify again
    mlmodel = read_mlmodel(files)
    try:
        code = CodePaths.of(files, mlmodel.get("flavors") or {}) if signed_by else CodePaths(None)
        with code.in_charge():
            version = _load(files, digest, mlmodel, signed_by, shortcuts or Shortcuts())
    except Refused:
        raise
    except Exception as error:  # anything can come out of loading somebody's file
        raise Refused(f"It can't be loaded ({type(error).__name__}: {str(error)[:300]}).") from error
    seconds = time.perf_counter() - began
    return replace(version, predict=code.bound(version.predict), bound=code.bound, load_seconds=seconds)


def describe(files: Path) -> tuple[Signature, str]:
    """What the version in `files` says of itself, without being loaded: its signature, and its flavor.

    Raises:
        Refused: its `MLmodel` can't be read.
    """
    mlmodel = read_mlmodel(files)
    signature, parts = _signature(mlmodel), mlmodel.get("flavors") or {}
    return signature, _SKLEARN if _is_sklearn(parts) else flavors.native(parts, signature) or _PYFUNC


def _signature(mlmodel: Mapping[str, Any]) -> Signature:
    return Signature.from_mlmodel(mlmodel.get("signature"), bool(mlmodel.get("is_signature_from_type_hint")))


def _is_sklearn(parts: Mapping[str, Any]) -> bool:
    return _SKLEARN in parts and parts.get("python_function", {}).get("loader_module") == "mlflow.sklearn"


def _load(files: Path, digest: str, mlmodel: Mapping[str, Any], signed_by: str, chosen: Shortcuts) -> LoadedVersion:
    signature = _signature(mlmodel)
    parts: Mapping[str, Any] = mlmodel.get("flavors") or {}
    by_row, way, picture = chosen.by_row, chosen.compiled, ""
    native = flavors.native(parts, signature)
    if _is_sklearn(parts):
        flavor, (model, picture) = _SKLEARN, _pictured(files, parts[_SKLEARN], signed_by, chosen.image)
        method = str(parts["python_function"].get("predict_fn") or "predict")
    elif not signed_by:
        raise Refused("It is no scikit-learn model in skops form, and it is not signed.")
    elif native:
        flavor, model = native, flavors.load_native(files, native, parts[native])
        method = "predict"
    else:
        direct = way == pyfunc.DIRECT and pyfunc.may_be_direct(signature)
        way = pyfunc.DIRECT if direct else _MODEL
        predict = _pyfunc_predict(pyfunc.load(files, signature, direct))
        by_row = by_row and (mlmodel.get("metadata") or {}).get(BY_ROW) is True
        return LoadedVersion(digest, signature, signature.to_json(), _PYFUNC, by_row, predict, 0.0, way=way)
    predict = _sklearn_predict(model, method, False, None)
    version = LoadedVersion(
        digest, signature, signature.to_json(), flavor, by_row, predict, 0.0, image=picture, model=model, method=method
    )
    return version.shortened(chosen)


def preload() -> None:
    """Import what most versions need, before workers are forked, so that they share it."""
    for name in (
        "pandas",
        "sklearn.pipeline",
        "sklearn.compose",
        "sklearn.linear_model",
        "sklearn.ensemble",
        "cuelight.protocol.tables",
        "cuelight.protocol.inference",
    ):
        importlib.import_module(name)
    skops_io()
    allowed_types()


def _pictured(files: Path, flavor: Mapping[str, Any], signed_by: str, wanted: str) -> tuple[Any, str]:
    """The model, and the digest of its image: read from there, or made if wanted; for signed versions alone."""
    path = image.beside(files)
    known = image.read(path, wanted) if signed_by and wanted not in ("", image.MAKE) else None
    if known is not None:
        return known, wanted
    model = _load_sklearn(files, flavor, signed_by)
    return model, image.write(model, path) if signed_by and wanted == image.MAKE else ""


def _load_sklearn(files: Path, flavor: Mapping[str, Any], signed_by: str) -> Any:
    path = files / str(flavor.get("pickled_model", ""))
    form = flavor.get("serialization_format")
    if form == "skops":
        model = _load_skops(path, bool(signed_by))
        if not signed_by:
            soundness.check(model)
        return model
    if not signed_by:
        raise Refused(f"It is a {form} file, which runs code when it is loaded, and it is not signed.")
    return flavors.load_estimator(path, str(form))


def _load_skops(path: Path, signed: bool) -> Any:
    """Asking for the strange types costs a second pass over the file: only where there are any."""
    io = skops_io()
    from skops.io.exceptions import UntrustedTypesFoundException

    allowed = allowed_types()
    try:
        return io.load(path, trusted=sorted(allowed))
    except UntrustedTypesFoundException:
        strange = sorted(set(io.get_untrusted_types(file=path)) - allowed)
    if not signed:
        raise Refused(
            f"It holds types that are not on the allow-list: {', '.join(strange)}. "
            "If you trust it: cuelight trust NAME VERSION."
        )
    return io.load(path, trusted=[*allowed, *strange])


def _pyfunc_predict(answer: Callable[[Rows, Mapping[str, Any]], Any]) -> Predict:
    return lambda rows, parameters: Output(answer(rows, parameters))


def _sklearn_predict(model: Any, usual: str, labels_from_probabilities: bool, quick: Compiled | None) -> Predict:
    """`usual` is the method that MLflow calls for this version (`pyfunc_predict_fn` when it was saved)."""
    classes = getattr(model, "classes_", None)
    known = [each for each in METHODS if hasattr(model, each)]
    quickly = quick.methods if quick else frozenset()
    with_shares = bool(quick and quick.with_shares)
    labels_apart = labels_from_probabilities and not with_shares and led_by_probabilities(model)

    def predict(rows: Rows, parameters: Mapping[str, Any]) -> Output:
        asked = parameters.get("predict_method", usual)
        if asked not in known:
            raise BadInput(f"This model has no such predict_method; it has {', '.join(known)}.")
        method = "predict_proba" if asked == "predict" and labels_apart else asked
        answer = None
        if quick and method in quickly:
            with contextlib.suppress(Exception):  # an input that it was not made for: the model itself answers
                answer = quick.answer(rows, method)
        if answer is None:
            answer = Answer(getattr(model, method)(rows.native()))
        values, shares = answer.values, answer.values if method == "predict_proba" else answer.shares
        if method != asked:
            places = leaders(values)
            values = model.predict(rows.native()) if places is None else np.asarray(classes)[places]
        return Output(values, _probabilities(classes, shares))

    return predict


def _probabilities(classes: Any, values: Any) -> dict[str, Any] | None:
    if classes is None or getattr(values, "ndim", 0) != 2:
        return None
    return {"classes": np.asarray(classes).tolist(), "values": values.tolist()}
