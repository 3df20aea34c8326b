"""What the annex has in memory, for those who look from outside: a file that it writes and workers read."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from cuelight.kit import files


class Guest(Struct, frozen=True):
    """A version in memory: what it takes there, and what it took to load."""

    model: str
    version: int
    digest: str
    flavor: str
    way: str
    bytes: int
    load_seconds: float


def write(path: Path, guests: Sequence[Guest]) -> None:
    """Who is here now."""
    with contextlib.suppress(OSError):  # a full disk: nobody is served by it
        files.replace(path, msgspec.json.encode(guests), lasting=False)


def read(path: Path) -> list[Guest]:
    """Who was in the annex's memory a moment ago; nobody where it never wrote."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Guest])
    except (OSError, msgspec.DecodeError):
        return []
