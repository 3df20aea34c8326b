"""Parquet files as the compactor leaves them: where readers see them, whole and for good."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cuelight.journal import layout, stubs
from cuelight.kit.errors import Busy
from cuelight.kit.files import sync_folder, unless_held

Checkpoint = Callable[[str], None]
_GROUP_ROWS = 1 << 16
_BODIES = ("request", "response")
_PAUSE_SECONDS = 0.1


def alone(folder: Path) -> AbstractContextManager[bool]:
    """Hold the lock of whoever changes what is compacted in the journal's folder; False: another holds it."""
    return unless_held(folder / ".compactor.lock")


@contextmanager
def once_alone(folder: Path, seconds: float) -> Iterator[None]:
    """Hold the same lock as soon as nobody else does.

    Raises:
        Busy: another held it for so many seconds.
    """
    deadline = time.monotonic() + seconds
    while True:
        with alone(folder) as mine:
            if mine:
                yield
                return
        if time.monotonic() > deadline:
            raise Busy("The journal's compactor does not pause. Try again.")
        time.sleep(_PAUSE_SECONDS)


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


def make_folder(folder: Path, root: Path) -> None:
    """Make a folder somewhere in `root`, so that it survives a power cut."""
    if folder.is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for each in folder.parents:
        sync_folder(each)
        if each == root:
            break


def opened(path: Path) -> pq.ParquetFile:
    """A file of the journal, here or in the archive.

    Raises:
        Unavailable: it is there, and can't be had.
    """
    stub = None if path.exists() else stubs.read(layout.stub(path))
    return pq.ParquetFile(stub.open() if stub else path)
