"""Records in segments, that are not compacted yet."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from cuelight.journal import segment
from cuelight.journal.layout import SEGMENTS
from cuelight.journal.record import Record
from cuelight.journal.writer import CLOSED


def paths(folder: Path) -> list[Path]:
    """All segments. Listed twice: one that is closed in this moment may be missed by its old name and its new one."""
    return sorted({path for _ in range(2) for path in (folder / SEGMENTS).glob("*/*")})


def content(path: Path, start: int = 0) -> bytes:
    """What a segment holds from `start` on, whether it was closed in this moment; nothing once it is compacted."""
    for each in (path, path.with_suffix(CLOSED)):
        with contextlib.suppress(FileNotFoundError), each.open("rb") as file:
            file.seek(start)
            return file.read()
    return b""


class Segments:
    """The records of a journal's segments as they are written, each once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ends: dict[str, int] = {}  # up to where each was read

    def new(self) -> Iterator[Record]:
        """What was written since the last call; the first gives all."""
        found = {path.with_suffix(""): path for path in paths(self._folder)}
        self._ends = {name: end for name, end in self._ends.items() if Path(name) in found}
        for name, path in found.items():
            yield from self._read(str(name), path)

    def _read(self, name: str, path: Path) -> Iterator[Record]:
        start = self._ends.get(name, 0)
        written = content(path, start)
        self._ends[name] = start + len(written)
        for item in segment.read(segment.HEADER + written if start else written):
            if not isinstance(item, segment.Damage):
                yield item[1]
            elif item.torn:  # being written: the rest comes next time
                self._ends[name] -= len(item.content)
