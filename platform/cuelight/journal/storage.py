"""Parquet files as the compactor leaves them: where readers see them, whole and for good."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cuelight.kit.files import sync_folder, unless_held

Checkpoint = Callable[[str], None]
_GROUP_ROWS = 1 << 16
_BODIES = ("request", "response")


def alone(folder: Path) -> AbstractContextManager[bool]:
    """Hold the lock of whoever changes what is compacted in the journal's folder; False: another holds it."""
    return unless_held(folder / ".compactor.lock")


def encode(table: pa.Table) -> Any:
    """The bytes of a Parquet file, rows in the order of time.

    A window of time is then in few of the groups of rows, and their statistics say in which.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(
        table.sort_by("time"),
        sink,
        compression="zstd",
        row_group_size=_GROUP_ROWS,
        write_statistics=[name for name in table.column_names if name not in _BODIES],
    )
    return sink.getvalue()


def place(target: Path, content: Any, checkpoint: Checkpoint, written: int | None = None) -> None:
    """Put a file where readers see it; `written` is when it is said to be, in nanoseconds since the epoch."""
    temporary = target.with_name(f".{target.name}.tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if written is not None:
        os.utime(temporary, ns=(written, written))
    checkpoint("written")
    temporary.replace(target)
    sync_folder(target.parent)
    checkpoint("placed")
