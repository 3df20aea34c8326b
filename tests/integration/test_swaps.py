"""A worker's memory over many swaps, in real processes: what a version took is given back when it is forgotten."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor

from cuelight.registry.manifest import Manifest
from cuelight.registry.memory import MemoryRegistry
from cuelight.registry.model import Track, VersionId
from cuelight.serving.host.deployment import Deployment, Generations, Served
from cuelight.serving.host.places import Places
from cuelight.serving.versions.store import ModelStore
from tests.support import models
from tests.support.host import Host, eventually
from tests.support.models import ZEROS

SWAPS, FIRST = 30, 5
TIDY_SECONDS = 1.5  # a worker tidies up a second after a switch
_MB = 1 << 20


def _forest(seed: int) -> RandomForestRegressor:
    """About 12 MB."""
    rows = np.random.default_rng(seed).normal(size=(2000, 2))
    forest = RandomForestRegressor(40, random_state=seed).fit(rows, rows.sum(axis=1))
    forest.feature_names_in_ = np.array(["a", "b"], dtype=object)
    return forest


class Swapper:
    """Plays the follower's part on the cue board: versions are in the store, and swap without a trial."""

    def __init__(self, host: Host) -> None:
        self._host = host
        places = Places(host.settings.serving_folder)
        self._store, self._generations = ModelStore(places.store), Generations(places.generations)
        self._generation = 0

    def admit(self, model: object, version: int) -> Served:
        """Put a version into the store."""
        draft = self._store.draft()
        models.save(draft, model)
        digest = self._store.admit(draft, Manifest.of_folder(draft, "m", "r")).manifest.digest
        return Served(VersionId("m", version, 1, str(version)), digest, "", "r", "stage", 0.0)

    def swap(self, version: Served) -> None:
        """Prepare, wait for the workers, commit."""
        self._generation += 1
        board = self._host.board
        self._generations.write(Deployment(self._generation, 0.0, {("m", Track.PRODUCTION): version}), board.committed)
        board.prepare(self._generation)
        eventually(lambda: all(each.loaded == self._generation for each in self._host.workers()))
        board.commit(self._generation)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A server with one worker, without a follower."""
    host = Host(tmp_path_factory.mktemp("swaps"), MemoryRegistry(), serving_workers=1)
    try:
        host.start_server()
        yield host
    finally:
        host.stop()


def _own_bytes(host: Host) -> int:
    """What only the worker holds: shared pages of what was imported before the fork are left out."""
    [worker] = host.workers()
    lines = Path(f"/proc/{worker.pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) * 1024


def test_memory_at_the_end_is_that_after_the_first_swaps(served: Host) -> None:
    """30 swaps between two forests: within 10 % of what it was after five, and no more than one forest above none."""
    empty = _own_bytes(served)
    swapper = Swapper(served)
    versions = [swapper.admit(_forest(seed), seed) for seed in (1, 2)]
    early = 0
    for step in range(SWAPS):
        swapper.swap(versions[step % 2])
        assert served.score("m", ZEROS).headers["X-Model-Version"] == str(1 + step % 2)
        if step + 1 == FIRST:
            time.sleep(TIDY_SECONDS)
            early = _own_bytes(served)
    eventually(lambda: _own_bytes(served) <= 1.1 * early, reason="memory grew with the swaps")
    assert _own_bytes(served) < empty + 40 * _MB
