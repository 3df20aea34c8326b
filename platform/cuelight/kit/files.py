"""Files that are either the old one or the new one, never half of each."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cuelight.kit.identity import new_id


def replace(path: Path, content: bytes, mode: int = 0o644, lasting: bool = True) -> None:
    """Write `content` beside `path`, sync it, and rename it into place; what need not last is not synced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise
    if lasting:
        sync_folder(path.parent)


def create(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file that is made once: where several try at the same time, all find what one of them wrote."""
    draft = path.with_name(f".{path.name}.{new_id()}")
    replace(draft, content, mode)
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock(path: Path) -> int:
    """A descriptor that holds `path` locked until it is closed or the process ends, however; -1: another holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return -1
    return descriptor


@contextlib.contextmanager
def unless_held(path: Path) -> Iterator[bool]:
    """Hold `path` locked while the block runs, without waiting; False: another process holds it."""
    descriptor = lock(path)
    try:
        yield descriptor >= 0
    finally:
        if descriptor >= 0:
            os.close(descriptor)


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until no other process holds `path` locked, and hold it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
