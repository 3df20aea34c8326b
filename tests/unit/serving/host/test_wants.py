"""Notes for the follower: what callers ask for that is not here."""

from __future__ import annotations

import os
from pathlib import Path

from cuelight.serving.host.wants import Wants


def test_a_note_is_left_once(tmp_path: Path) -> None:
    """However many ask; the first comes first, whatever the models are called, and what is done is gone."""
    wants = Wants(tmp_path / "wants")
    assert wants.waiting() == []
    for place, (model, version) in enumerate([("b", 2), ("a/../ü", 1), ("b", 10)]):
        wants.add(model, version)
        wants.add(model, version)
        for path in (tmp_path / "wants").glob("*.json"):
            if path.stat().st_mtime > 1000:
                os.utime(path, (place, place))
    assert Wants(tmp_path / "wants").waiting() == [("b", 2), ("a/../ü", 1), ("b", 10)]
    wants.remove("a/../ü", 1)
    wants.remove("a/../ü", 1)
    assert wants.waiting() == [("b", 2), ("b", 10)]


def test_there_are_only_so_many(tmp_path: Path) -> None:
    """Callers may ask for everything that is registered, one after the other."""
    wants = Wants(tmp_path)
    for version in range(300):
        wants.add("m", version)
    assert len(wants.waiting()) == 256


def test_what_is_no_note_is_thrown_away(tmp_path: Path) -> None:
    """It must not be in the way for ever."""
    (tmp_path / "x.json").write_text('["m", "two"]')
    wants = Wants(tmp_path)
    assert wants.waiting() == []
    assert not list(tmp_path.iterdir())
