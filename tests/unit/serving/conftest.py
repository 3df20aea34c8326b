from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cuelight.kit.clock import FakeClock
from cuelight.registry.manifest import Manifest
from cuelight.registry.memory import MemoryRegistry
from cuelight.registry.model import VersionId
from cuelight.serving.board import Board
from cuelight.serving.deployment import Generations, Served
from cuelight.serving.places import Places
from cuelight.serving.store import ModelStore
from tests.support import models


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Model folders as MLflow writes them, each made once: a number is what the model answers to zeros."""
    folder = tmp_path_factory.mktemp("library")

    def find(name: str) -> Path:
        path = folder / name
        if not path.exists():
            makers: dict[str, Callable[[], Any]] = {"raising": models.raising, "nan": models.nan}
            models.save(path, makers.get(name, lambda: models.constant(float(name)))())
        return path

    return find


@pytest.fixture
def saved(library: Callable[[str], Path], tmp_path: Path) -> Path:
    """A copy of a good model's folder, to be spoiled."""
    return Path(shutil.copytree(library("1"), tmp_path / "saved"))


@dataclass(frozen=True)
class Room:
    """One host's parts on disk, without processes."""

    places: Places
    board: Board
    store: ModelStore
    generations: Generations
    library: Callable[[str], Path]

    def served(self, name: str, model: str, version: int = 1, since: float = 0.0) -> Served:
        """A version whose files are in the store: `model` is what the library calls it."""
        draft = self.store.draft()
        shutil.copytree(self.library(model), draft, dirs_exist_ok=True)
        entry = self.store.admit(draft, Manifest.of_folder(draft, name, "r"))
        return Served(VersionId(name, version, 1, model), entry.manifest.digest, "", "r", "stage", since)


@pytest.fixture
def room(tmp_path: Path, library: Callable[[str], Path]) -> Room:
    """A host's folder."""
    places = Places(tmp_path / "serving")
    return Room(places, Board(places.board), ModelStore(places.store), Generations(places.generations, keep=5), library)


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still until it is moved."""
    return FakeClock()


@pytest.fixture
def registry(clock: FakeClock) -> MemoryRegistry:
    """An empty registry."""
    return MemoryRegistry(clock)
