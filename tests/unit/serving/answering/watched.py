"""A worker's residents on a host without processes, looked at when a test says so."""

from __future__ import annotations

import os

import numpy as np

from cuelight.protocol.rows import Rows
from cuelight.registry.model import Track
from cuelight.serving.answering.residents import Residents
from cuelight.serving.host.deployment import Deployment, Served, Standby
from tests.unit.serving.room import Room

_ZEROS = Rows({"a": np.zeros(1), "b": np.zeros(1)}, 1)


class Watched(Residents):
    """A worker whose watching thread is this test: it looks when it is told to."""

    def _watch(self) -> None:
        return None


def deploy(room: Room, number: int, standby: tuple[Served, ...] = (), **tracks: Served) -> Deployment:
    """Write generation `number`: keyword names are models, all in Production."""
    kept = tuple(Standby(each, 9e9) for each in standby)
    deployment = Deployment(number, 0.0, {(name, Track.PRODUCTION): each for name, each in tracks.items()}, {}, kept)
    room.generations.write(deployment)
    return deployment


def answer(worker: Residents, model: str) -> float:
    """What the version of `model` in Production answers to zeros."""
    cast = worker.current()
    return float(cast.version(cast.deployment.tracks[model, Track.PRODUCTION]).predict(_ZEROS, {}).values[0])


def word(room: Room) -> tuple[int, int]:
    """What this worker's slot says: acknowledged and failed generation."""
    mine = next(each for each in room.board.workers() if each.pid == os.getpid())
    return mine.loaded, mine.failed
