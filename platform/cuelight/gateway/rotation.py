"""Keeps the access log from filling the disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

_LARGEST, _KEPT = 20 << 20, 3  # as of all programs' logs


class Rotation:
    """Moves a log aside when it has grown; `reopen` makes who writes it begin another."""

    def __init__(self, path: Path, reopen: Callable[[], None], largest: int = _LARGEST) -> None:
        self._path = path
        self._reopen = reopen
        self._largest = largest

    def tick(self) -> str:
        """Move it, if it is time to: `access.log.1` is the newest of the old ones."""
        if not self._path.exists() or self._path.stat().st_size < self._largest:
            return ""
        files = [self._path, *(self._path.with_name(f"{self._path.name}.{number + 1}") for number in range(_KEPT))]
        for older, newer in zip(files[:0:-1], files[-2::-1], strict=True):
            if newer.exists():
                newer.replace(older)
        self._reopen()
        return f"{self._path.name} goes on in a new file"
