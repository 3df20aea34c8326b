"""What callers ask for that is not on this host yet: a folder in which workers leave a note for the follower."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import msgspec

from cuelight.kit import files

_MOST = 256  # callers may ask for whatever is registered, in any order: more than this have to come again


class Wants:
    """Notes in `folder`, one a version, however many ask for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, model: str, version: int) -> None:
        """Ask for a version, unless too many are asked for already, or the disk is full: it is asked for again."""
        path = self._path(model, version)
        if not path.exists() and len(list(self._folder.glob("*.json"))) < _MOST:
            with contextlib.suppress(OSError):
                files.replace(path, msgspec.json.encode((model, version)), lasting=False)

    def waiting(self) -> list[tuple[str, int]]:
        """Models and versions that are asked for, the first first."""
        notes = []
        for path in self._folder.glob("*.json"):
            try:
                notes.append((path.stat().st_mtime_ns, msgspec.json.decode(path.read_bytes(), type=tuple[str, int])))
            except FileNotFoundError:
                continue
            except msgspec.DecodeError:  # none of ours
                path.unlink(missing_ok=True)
        return [note for _, note in sorted(notes)]

    def remove(self, model: str, version: int) -> None:
        """It is here, or it won't be."""
        self._path(model, version).unlink(missing_ok=True)

    def _path(self, model: str, version: int) -> Path:
        return self._folder / f"{hashlib.sha256(model.encode()).hexdigest()[:32]}-{version}.json"
