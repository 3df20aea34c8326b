from __future__ import annotations

from pathlib import Path

from cuelight.gateway.rotation import Rotation


def test_a_log_that_has_grown_is_moved_aside(tmp_path: Path) -> None:
    """Three old ones are kept, the newest first; nothing happens before it is large, and not where there is none."""
    path, reopened = tmp_path / "access.log", []
    rotation = Rotation(path, lambda: reopened.append(1), largest=4)
    assert rotation.tick() == ""
    for number in range(5):
        path.write_text("old")
        assert rotation.tick() == ""
        path.write_text(f"old {number}")
        assert rotation.tick() == "access.log goes on in a new file"
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {
        "access.log.1": "old 4",
        "access.log.2": "old 3",
        "access.log.3": "old 2",
    }
    assert len(reopened) == 5
