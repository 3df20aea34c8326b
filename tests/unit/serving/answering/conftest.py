"""A worker that has not started, and what it loads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cuelight.kit.clock import FakeClock
from tests.unit.serving.answering.watched import Watched
from tests.unit.serving.room import Room


@pytest.fixture
def worker(room: Room) -> Iterator[Watched]:
    """A worker that has not started."""
    worker = Watched(room.board, room.generations, room.store, room.places.failures, FakeClock())
    yield worker
    worker.stop()
