"""A serving host whose callers need tokens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cuelight.registry.memory import MemoryRegistry
from tests.support.host import Host, running
from tests.support.models import Shelf, constant
from tests.support.tokens import Mint

MODELS = ("wine", "churn")


@contextmanager
def guarded(folder: Path, **settings: Any) -> Iterator[Host]:
    """It serves `wine` and `churn`; its own `headers` carry a token of scope `admin`."""
    registry = MemoryRegistry()
    with running(folder / "home", registry, access_required=True, serving_cache_bytes=0, **settings) as host:
        host.headers = Mint(host.settings).bearer("admin")
        shelf = Shelf(registry, folder / "shelf", host.settings.keys_folder)
        for name in MODELS:
            shelf.add(name, constant(1.0))
            registry.set_stage(name, 1, "Production")
        for name in MODELS:
            host.wait_for(name, 1)
        yield host
