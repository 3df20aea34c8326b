"""A host with one worker and two models of several types: what callers send, and what they are told of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from cuelight.kit.signing import SigningKey
from cuelight.registry.manifest import Manifest
from cuelight.registry.memory import MemoryRegistry
from tests.support.host import Host, running

FRAME = pd.DataFrame(
    {
        "x": [0.1, 2.5, -3.25, 4.0],
        "k": np.array([1, 2, 3, 4], np.int32),
        "city": ["Rome", "Zürich", "Rome", "Oslo"],
        "yes": [True, False, False, True],
    }
)
NUMBERS = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 7.0]})


@contextmanager
def typed_host(folder: Path) -> Iterator[Host]:
    """It serves `mixed`, a classifier of columns of several types with an input example, and `numbers`, of doubles."""
    registry = MemoryRegistry()
    with running(folder / "home", registry, serving_workers=1) as host:
        towns = ColumnTransformer([("towns", OneHotEncoder(), ["city"])], remainder="passthrough")
        mixed = make_pipeline(towns, LogisticRegression()).fit(FRAME, ["no", "yes", "no", "yes"])
        numbers = LogisticRegression().fit(NUMBERS, [0, 1, 1])
        for name, model, inputs, example in (
            ("mixed", mixed, FRAME, FRAME.head(2)),
            ("numbers", numbers, NUMBERS, None),
        ):
            _register(folder / name, name, model, inputs, example, registry, host.settings.keys_folder)
            host.wait_for(name, 1)
        yield host


def _register(
    folder: Path, name: str, model: Any, inputs: Any, example: Any, registry: MemoryRegistry, keys: Path
) -> None:
    import mlflow.sklearn
    from mlflow.models import infer_signature

    signature = infer_signature(inputs, model.predict(inputs))
    mlflow.sklearn.save_model(
        model,
        folder,
        serialization_format="cloudpickle",
        signature=signature,
        input_example=example,
        pip_requirements=["scikit-learn"],
    )
    manifest = Manifest.of_folder(folder, name, "r" * 32)
    content = manifest.signed(SigningKey.load_or_create(keys))
    registry.create_model(name)
    registry.create_version(name, str(folder), "r" * 32, content)
    registry.set_stage(name, 1, "Production")
