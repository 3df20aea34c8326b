"""One host's parts on disk, for tests of serving."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cuelight.registry.manifest import Manifest
from cuelight.registry.model import VersionId
from cuelight.serving.host.board import Board
from cuelight.serving.host.deployment import Generations, Served
from cuelight.serving.host.places import Places
from cuelight.serving.versions.store import ModelStore


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
