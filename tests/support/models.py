"""Real MLflow model folders for serving's tests: each version answers with its own number."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression

from cuelight.kit.signing import SigningKey
from cuelight.registry.manifest import Manifest
from cuelight.registry.memory import MemoryRegistry
from cuelight.registry.trusted_types import allowed_types

INF = float("inf")
INPUTS = pd.DataFrame({"a": [0.0, 0.0, 0.0], "b": [0.0, 0.0, 0.0]})
SEVENS = {"instances": [[7.0, 7.0]]}
ZEROS = {"dataframe_split": {"columns": ["a", "b"], "data": [[0.0, 0.0]]}}


def constant(answer: float) -> LinearRegression:
    """A model that answers `answer` to zeros."""
    model = LinearRegression().fit(INPUTS, [0.0, 0.0, 0.0])
    model.intercept_ = answer
    return model


def heavy(answer: float, megabytes: int) -> LinearRegression:
    """As `constant`, with so many megabytes (10⁶ bytes) that it has to keep."""
    model = constant(answer)
    model.ballast_ = np.arange(megabytes * 125_000, dtype=np.float64)
    return model


def forest(answer: float) -> RandomForestRegressor:
    """A forest that answers `answer` to everything."""
    return RandomForestRegressor(3).fit(INPUTS, [answer] * 3)


def slow(answer: float, seconds: float) -> LinearRegression:
    """A model that takes its time to load; only pickles can."""

    class Slow(LinearRegression):  # type: ignore[misc]
        def __setstate__(self, state: Any) -> None:
            time.sleep(seconds)
            super().__setstate__(state)

    model = Slow().fit(INPUTS, [0.0, 0.0, 0.0])
    model.intercept_ = answer
    return model


def counted(answer: float, path: Path) -> LinearRegression:
    """A model that adds a byte to a file whenever it is loaded; only pickles can."""

    class Counted(LinearRegression):  # type: ignore[misc]
        def __setstate__(self, state: Any) -> None:
            with path.open("ab") as file:
                file.write(b".")
            super().__setstate__(state)

    model = Counted().fit(INPUTS, [0.0, 0.0, 0.0])
    model.intercept_ = answer
    return model


def sleepy(answer: float, seconds: float) -> LinearRegression:
    """A model whose predict takes its time, however many rows there are."""

    class Sleepy(LinearRegression):  # type: ignore[misc]
        def predict(self, rows: Any) -> Any:
            time.sleep(seconds)
            return super().predict(rows)

    model = Sleepy().fit(INPUTS, [0.0, 0.0, 0.0])
    model.intercept_ = answer
    return model


def crowded(seconds: float) -> LinearRegression:
    """A model that takes its time and answers to sevens with the number of rows that it saw together.

    To others it answers 0, so that its trial finds that rows don't mind each other.
    """

    class Crowded(LinearRegression):  # type: ignore[misc]
        def predict(self, rows: Any) -> Any:
            time.sleep(seconds)
            return np.where(np.asarray(rows)[:, 0] == SEVENS["instances"][0][0], float(len(rows)), 0.0)

    return Crowded().fit(INPUTS, [0.0, 0.0, 0.0])


def counting(seconds: float) -> LinearRegression:
    """A model that takes its time for each row and answers with how many rows it has seen so far."""

    class Counting(LinearRegression):  # type: ignore[misc]
        def predict(self, rows: Any) -> Any:
            time.sleep(seconds * len(rows))
            self.seen = getattr(self, "seen", 0) + len(rows)
            return np.full(len(rows), float(self.seen))

    return Counting().fit(INPUTS, [0.0, 0.0, 0.0])


def importing(package: str) -> LinearRegression:
    """A model that answers with how many modules of a package its process has imported."""

    class Importing(LinearRegression):  # type: ignore[misc]
        def predict(self, rows: Any) -> Any:
            import sys

            found = [each for each in sys.modules if each.split(".")[0] == package]
            return np.full(len(rows), float(len(found)))

    return Importing().fit(INPUTS, [0.0, 0.0, 0.0])


def raising() -> LinearRegression:
    """A model that raises in predict: it was fitted on another number of columns than its signature has."""
    model = constant(1.0)
    model.coef_ = np.zeros(5)
    return model


def moody(
    answer: float,
    fails: float = INF,
    flaky: float = INF,
    gives_nothing: float = INF,
    hangs: float = INF,
    seconds: float = 0.0,
    only: Mapping[str, str] | None = None,
) -> LinearRegression:
    """A model that raises, raises by chance, answers NaN, or hangs for a minute where `a` is above a number.

    `seconds` is its pace. It raises only where the environment is such.
    """

    class Moody(LinearRegression):  # type: ignore[misc]
        def predict(self, rows: Any) -> Any:
            first = np.asarray(rows)[:, 0]
            time.sleep(60.0 if (first > hangs).any() else seconds * len(rows))
            if any(os.environ.get(name) != value for name, value in (only or {}).items()):
                return np.full(len(first), answer)
            if (first > fails).any() or ((first > flaky).any() and np.random.random() < 0.5):
                raise ValueError("not in this mood")
            return np.where(first > gives_nothing, np.nan, answer)

    return Moody().fit(INPUTS, [0.0, 0.0, 0.0])


def nan() -> LinearRegression:
    """A model that answers NaN."""
    return constant(float("nan"))


def save(folder: Path, model: Any, form: str = "skops") -> Path:
    """Write `model` as MLflow does, with signature and input example."""
    import mlflow.sklearn
    from mlflow.models import infer_signature

    mlflow.sklearn.save_model(
        model,
        folder,
        serialization_format=form,
        skops_trusted_types=sorted(allowed_types()),
        signature=infer_signature(INPUTS, np.zeros(3)),
        pip_requirements=["scikit-learn", "numpy"],
    )
    body = '{"dataframe_split": {"columns": ["a", "b"], "data": [[0.0, 0.0], [0.0, 0.0]]}}'
    (folder / "serving_input_example.json").write_text(body)
    return folder


class Shelf:
    """Registers versions in a registry twin, signed by the key in `keys`."""

    def __init__(self, registry: MemoryRegistry, folder: Path, keys: Path) -> None:
        self.registry = registry
        self._folder = folder
        self._key = SigningKey.load_or_create(keys)
        self._count = 0

    def add(
        self,
        name: str,
        model: Any,
        form: str = "skops",
        sign: bool = True,
        spoil: Callable[[Path], None] = lambda _: None,
    ) -> int:
        """Register a version; `spoil` alters its files after they were signed. Answers with its number."""
        return self.keep(name, lambda folder: save(folder, model, form), sign, spoil)

    def keep(
        self,
        name: str,
        write: Callable[[Path], Any],
        sign: bool = True,
        spoil: Callable[[Path], None] = lambda _: None,
    ) -> int:
        """Register a version of whatever flavor `write` saves into a folder."""
        self._count += 1
        folder = self._folder / f"source-{self._count}"
        write(folder)
        run_id = f"{self._count:032x}"
        manifest = Manifest.of_folder(folder, name, run_id)
        content = manifest.signed(self._key) if sign else {}
        spoil(folder)
        self.registry.create_model(name)
        return self.registry.create_version(name, str(folder), run_id, content).version


def alter(folder: Path) -> None:
    """Change one byte of the model's file."""
    path = next(folder.glob("model.*"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))


class Bomb:
    """Writes a file when it is unpickled: what an attacker would register."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.target,))


def pickle_bomb(folder: Path, target: Path) -> None:
    """Put a pickle that runs code in place of the model."""
    (folder / "model.pkl").write_bytes(pickle.dumps(Bomb(target)))
