"""The file that says what callers may ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from cuelight.kit.errors import Refused, Unavailable
from cuelight.serving.host import repertoire
from cuelight.serving.host.facts import Phase
from cuelight.serving.host.repertoire import NOTHING, Listed, Listing, Reader, Repertoire, named

READY = Listing(3, 1000, "run", Phase.READY, "d" * 64, "key")
FULL = Repertoire({"a b/ü": Listed({3: READY, 12: Listing(12, 2000)}, {"old": 3})})


def test_what_the_follower_wrote_is_what_workers_read(tmp_path: Path) -> None:
    """When it was written anew, and not otherwise."""
    reader = Reader(tmp_path / "r.json")
    assert (reader.look(), reader.repertoire) == (False, NOTHING)
    repertoire.write(tmp_path / "r.json", FULL)
    assert (reader.look(), reader.repertoire) == (True, FULL)
    assert not reader.look()
    repertoire.write(tmp_path / "r.json", NOTHING)
    assert (reader.look(), reader.repertoire) == (True, NOTHING)


def test_what_cannot_be_read_changes_nothing(tmp_path: Path) -> None:
    """Nor does a file that has gone."""
    path = tmp_path / "r.json"
    repertoire.write(path, FULL)
    reader = Reader(path)
    reader.look()
    path.write_text("{")
    assert (reader.look(), reader.look(), reader.repertoire) == (False, False, FULL)
    path.unlink()
    assert (reader.look(), reader.repertoire) == (False, FULL)


def test_it_knows_versions_and_aliases() -> None:
    """And nothing of other models."""
    assert FULL.find("a b/ü", 3) == READY
    assert (FULL.find("a b/ü", 4), FULL.find("c", 3)) == (None, None)
    assert (dict(FULL.aliases("a b/ü")), dict(FULL.aliases("c"))) == ({"old": 3}, {})
    assert (FULL.versions("a b/ü"), FULL.versions("c")) == ("12, 3", "")


def test_a_message_lists_twenty_names() -> None:
    """However many there are."""
    assert named(["a", "b"]) == "a, b"
    assert named(map(str, range(25))).endswith("18, 19 and 5 more")


def test_a_refusal_says_whether_to_come_again() -> None:
    """One that may pass says when; one that will not is no matter of time; and others are none."""
    assert repertoire.refusal("m version 3", READY, 0.0) is None
    lasting = Listing(3, 0, phase=Phase.REFUSED, reason="It is not signed.")
    found = repertoire.refusal("m version 3", lasting, 0.0)
    assert isinstance(found, Refused)
    assert str(found) == "m version 3 can't be served. It is not signed."
    passing = Listing(3, 0, phase=Phase.REFUSED, reason="Not fetched yet.", retry_at=130.0)
    later = repertoire.refusal("m version 3", passing, 100.0)
    assert isinstance(later, Unavailable)
    assert later.retry_after == pytest.approx(30.0)
