"""What waits in the journal to be compacted, and what could not be read: from the names and sizes of files alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from os import stat_result
from pathlib import Path

from cuelight.journal import layout
from cuelight.journal.writer import CLOSED, OPEN


@dataclass(frozen=True)
class Backlog:
    """Segments that are not Parquet yet, their bytes, and when the oldest was last written to (epoch s; None: none is).

    The oldest record is at most `journal.segment_seconds` older. `damaged`: records in the side files.
    """

    segments: int
    size: int
    oldest: float | None
    damaged: int


def read(folder: Path) -> Backlog:
    """The backlog of the journal in `folder`, of all hosts that write there."""
    waiting = [each for suffix in (OPEN, CLOSED) for _, each in _found(folder / layout.SEGMENTS, f"*/*{suffix}")]
    damaged = sum(_damaged(path, each.st_mtime_ns) for path, each in _found(folder / layout.DAMAGED, "*/*.jsonl"))
    oldest = min((each.st_mtime for each in waiting), default=None)
    return Backlog(len(waiting), sum(each.st_size for each in waiting), oldest, damaged)


def _found(folder: Path, pattern: str) -> Iterator[tuple[Path, stat_result]]:
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError):  # the compactor was quicker
            yield path, path.stat()


@lru_cache(maxsize=4096)
def _damaged(path: Path, _written: int) -> int:
    """Records in a side file; what was cut off amid a write, by a kill, is none."""
    try:
        return path.read_bytes().count(b'"torn":false')
    except OSError:
        return 0
