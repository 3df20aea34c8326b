"""Calibrations kept on disk: jobs come every few minutes, and judge windows of one size by one reference."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from cuelight.kit import files
from cuelight.monitoring.drift.calibration import Null, Nulls, calibrate
from cuelight.monitoring.examination.columns import Column
from cuelight.monitoring.examination.likeness import Groups

# Files that are kept, the newest: some KB each.
_KEPT = 200
# Calibrations of other statistics are no use: count up with every change of what `calibrate` measures.
_EDITION = 3


class Calibrations:
    """`calibrate`, which remembers in `folder`: by the reference's values, the window's size and the groups."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, columns: Sequence[Column], size: int, groups: Groups | None = None) -> Nulls:
        """The nulls of `calibrate`; a file that can't be read or written only costs the seconds to make them."""
        path = self._folder / f"{_key(columns, size, groups)}.json"
        with contextlib.suppress(OSError, ValueError):  # msgspec's errors are ValueErrors
            return msgspec.json.decode(path.read_bytes(), type=dict[str, Null])
        nulls = calibrate(columns, size, groups)
        with contextlib.suppress(OSError):
            files.replace(path, msgspec.json.encode(nulls), lasting=False)
            self._forget()
        return nulls

    def _forget(self) -> None:
        kept = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in kept[_KEPT:]:
            path.unlink(missing_ok=True)


def _key(columns: Sequence[Column], size: int, groups: Groups | None) -> str:
    digest = hashlib.sha256(f"{_EDITION}:{size}".encode())
    for column in columns:
        digest.update(f":{column.name}:{column.kind}:{column.reference.dtype}:{len(column.reference)}:".encode())
        digest.update(column.reference.tobytes())
    if groups is not None:
        digest.update(f":groups:{groups.window_size}:".encode() + groups.codes.tobytes())
    return digest.hexdigest()
