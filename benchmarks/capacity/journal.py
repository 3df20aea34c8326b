"""What the record of a request takes on disk, and of a core."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.capacity import cores
from benchmarks.capacity.figures import Journal
from benchmarks.journals import compacted

_BATCH = 1000


def requests(folder: Path, count: int) -> Iterator[Journal]:
    """Requests of one row, and of many, through compactor and merging."""
    for rows in (1, _BATCH):
        many = max(10, count // rows)
        with cores.on(cores.SERVER):
            found = compacted(folder / str(rows), many, rows)
        yield Journal(
            rows=rows,
            json_bytes=found.json_bytes / many,
            segment_bytes=found.segment_bytes / many,
            disk_bytes=(found.requests_bytes + found.rows_bytes) / many,
            cpu_us=1e6 * found.cpu_seconds / many,
            rate=many / (found.compacting + found.merging),
        )
