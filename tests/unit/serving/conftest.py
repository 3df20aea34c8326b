from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cuelight.kit.clock import FakeClock
from cuelight.kit.settings import Settings
from cuelight.registry.memory import MemoryRegistry
from cuelight.serving.host.board import Board
from cuelight.serving.host.deployment import Generations
from cuelight.serving.host.places import Places
from cuelight.serving.versions import loader
from cuelight.serving.versions.store import ModelStore
from tests.support import models
from tests.unit.serving.following.followed import Followed
from tests.unit.serving.room import Room

if TYPE_CHECKING:
    from cuelight.serving.answering.metrics import Metrics


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


@pytest.fixture
def room(tmp_path: Path, library: Callable[[str], Path]) -> Room:
    """A host's folder."""
    places = Places(tmp_path / "serving")
    return Room(places, Board(places.board), ModelStore(places.store), Generations(places.generations, keep=5), library)


@pytest.fixture
def metrics(room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Metrics]:
    """What a process counts, in a folder of its own; the next test may count anew."""
    folder = tmp_path / "metrics"
    folder.mkdir()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
    from prometheus_client import REGISTRY

    from cuelight.serving.answering.metrics import Metrics
    from cuelight.serving.answering.readings import readings

    before = set(REGISTRY._collector_to_names)
    yield Metrics(*readings(room.board, Settings(home=tmp_path), lambda: {"a b"}))
    for each in set(REGISTRY._collector_to_names) - before:
        REGISTRY.unregister(each)


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still until it is moved."""
    return FakeClock()


@pytest.fixture
def registry(clock: FakeClock) -> MemoryRegistry:
    """An empty registry."""
    return MemoryRegistry(clock)


@pytest.fixture
def host(room: Room, registry: MemoryRegistry, tmp_path: Path, clock: FakeClock) -> Followed:
    """A host without workers, so that what is prepared is committed at once."""
    return Followed(room, registry, tmp_path, clock)


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The digests that were loaded, in order."""
    seen: list[str] = []

    def load(files: Path, digest: str, *more: Any) -> Any:
        seen.append(digest)
        return loader.load(files, digest, *more)

    monkeypatch.setattr("cuelight.serving.versions.admission.load", load)
    return seen
