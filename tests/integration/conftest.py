"""A serving host over the registry twin, shared by a module's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cuelight.registry.memory import MemoryRegistry
from tests.support import models
from tests.support.host import Host, running
from tests.support.models import Shelf
from tests.support.typed import typed_host


@pytest.fixture(scope="module")
def registry() -> MemoryRegistry:
    """The registry twin."""
    return MemoryRegistry()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, registry: MemoryRegistry) -> Iterator[Host]:
    """A follower and two gunicorn workers."""
    with running(tmp_path_factory.mktemp("host"), registry) as host:
        yield host


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, registry: MemoryRegistry, host: Host) -> Shelf:
    """Where model versions are made and registered."""
    return Shelf(registry, tmp_path_factory.mktemp("shelf"), host.settings.keys_folder)


@pytest.fixture(scope="session")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host with one worker that serves `mixed`, of columns of several types, and `numbers`, of doubles."""
    with typed_host(tmp_path_factory.mktemp("typed")) as host:
        yield host


@pytest.fixture(scope="session")
def single(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host with one worker: what holds its loop, holds everybody. It serves a quick model and slow ones.

    Nobody may wait for more than a second: that is twenty calls of the counting model.
    """
    folder, registry = tmp_path_factory.mktemp("single"), MemoryRegistry()
    served = {
        "quick": models.constant(1.0),
        "sleepy": models.sleepy(2.0, 0.3),
        "crowded": models.crowded(0.3),
        "counting": models.counting(0.05),
        "traced": models.importing("opentelemetry"),
    }
    with running(folder / "home", registry, serving_workers=1) as host:
        shelf = Shelf(registry, folder / "shelf", host.settings.keys_folder)
        for name, model in served.items():
            shelf.add(name, model, form="cloudpickle")
            registry.set_stage(name, 1, "Production")
        for name in served:
            host.wait_for(name, 1, seconds=180)
        yield host
