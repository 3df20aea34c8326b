from __future__ import annotations

from pathlib import Path

from cuelight.access.followed import Followed


def test_a_file_that_could_not_be_read_is_read_again(tmp_path: Path) -> None:
    """What keeps it from being read may pass, and the file stays the same: a revocation must not be missed."""
    path, troubles = tmp_path / "file", [OSError("too many open files")]
    path.write_bytes(b"new")

    def parse(content: bytes) -> bytes:
        if troubles:
            raise troubles.pop()
        return content

    followed = Followed(path, parse, b"")
    assert (followed.refresh(), followed.value) == (False, b"")
    assert (followed.refresh(), followed.value) == (True, b"new")
    assert not followed.refresh()
