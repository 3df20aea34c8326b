from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from cuelight.kit import files


def test_a_file_is_replaced_with_its_mode(tmp_path: Path) -> None:
    """The new content is there with the mode asked for, folders are made, and nothing is left beside it."""
    path = tmp_path / "a" / "b" / "file"
    files.replace(path, b"one")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    files.replace(path, b"two", mode=0o600)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"two", 0o600)
    assert [each.name for each in path.parent.iterdir()] == ["file"]


def test_a_reader_sees_the_old_content_or_the_new_one(tmp_path: Path) -> None:
    """However often it looks while the file is replaced, no reader sees half of one, nor none."""
    path = tmp_path / "file"
    contents = {bytes([letter]) * 300_000 for letter in b"ab"}
    files.replace(path, min(contents))
    done, seen = threading.Event(), set()

    def look() -> None:
        while not done.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(20):
        for content in contents:
            files.replace(path, content)
    done.set()
    reader.join()
    assert seen <= contents


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, met at any step, keeps the old content and leaves no litter."""
    path = tmp_path / "file"
    files.replace(path, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.replace(path, b"new")
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    """A second holder is turned away until the first lets go."""
    path = tmp_path / "deep" / "lock"
    first = files.lock(path)
    assert (first >= 0, files.lock(path)) == (True, -1)
    os.close(first)
    with files.unless_held(path) as mine, files.unless_held(path) as other:
        assert (mine, other) == (True, False)
    again = files.lock(path)
    assert again >= 0
    os.close(again)
