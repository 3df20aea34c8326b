"""Versions in a real MLflow server, made as training makes them: logged by a run, signed as stored, registered."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from sklearn.linear_model import LinearRegression

from cuelight.kit.signing import SigningKey
from cuelight.registry.manifest import Manifest
from cuelight.registry.mlflow_rest import MlflowRegistry
from cuelight.registry.tracking import Tracking
from tests.support.models import INPUTS, constant


class Registrar:
    """Registers versions that answer with a number of their own, signed by the key in `keys`."""

    def __init__(self, uri: str, keys: Path, user: str = "", password: str = "") -> None:
        self.registry = MlflowRegistry(uri, user, password)
        self._tracking = Tracking(uri, user=user, password=password)
        self._key = SigningKey.load_or_create(keys)

    def add(self, name: str, answer: float) -> int:
        """Register one more version of `name`, in no stage; answers with its number."""
        return self.put(name, constant(answer))

    def put(self, name: str, model: LinearRegression) -> int:
        """The same with a model of two columns, `a` and `b`; with code of its own it is pickled."""
        with self._tracking.run(name, type(model).__name__) as run:
            plain = type(model) is LinearRegression
            source = run.sklearn_model(model, INPUTS, np.zeros(len(INPUTS))) if plain else _pickled(model)
        with tempfile.TemporaryDirectory() as folder:
            files = self._tracking.download(source, Path(folder) / "model")
            manifest = Manifest.of_folder(files, name, run.id)
        signed = manifest.signed(self._key)
        self.registry.create_model(name)
        return self.registry.create_version(name, source, run.id, signed).version


def _pickled(model: LinearRegression) -> str:
    """Logged by the run that is open."""
    import mlflow.sklearn
    from mlflow.models import infer_signature

    info = mlflow.sklearn.log_model(
        model,
        name="model",
        serialization_format="cloudpickle",
        signature=infer_signature(INPUTS, np.zeros(len(INPUTS))),
        input_example=INPUTS,
        pip_requirements=["scikit-learn", "numpy"],
    )
    return f"models:/{info.model_id}"
