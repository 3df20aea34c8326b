"""A serving host over the registry twin, shared by a module's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cuelight.registry.memory import MemoryRegistry
from tests.support.host import Host, running
from tests.support.models import Shelf


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
