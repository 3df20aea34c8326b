"""A worker that has not started, and what it loads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cuelight.kit.clock import FakeClock
from cuelight.serving.versions import loader
from tests.unit.serving.answering.watched import Watched
from tests.unit.serving.room import Room


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The digests that were loaded, in order."""
    seen: list[str] = []

    def load(files: Path, digest: str, *more: Any) -> Any:
        seen.append(digest)
        return loader.load(files, digest, *more)

    monkeypatch.setattr("cuelight.serving.versions.admission.load", load)
    return seen


@pytest.fixture
def worker(room: Room) -> Iterator[Watched]:
    """A worker that has not started."""
    worker = Watched(room.board, room.generations, room.store, room.places.failures, FakeClock())
    yield worker
    worker.stop()
