from __future__ import annotations

from pathlib import Path

import pytest

from cuelight.registry.model import Track, VersionId
from cuelight.registry.tracks import Claim, TrackMemory
from cuelight.serving.following.ledger import Ledger
from cuelight.serving.host.facts import Fact, Phase

ONE, TWO = VersionId("m", 1, 5, "s"), VersionId("m", 2, 6, "s")
MEMORY = TrackMemory({Claim("m", Track.PRODUCTION, "stage", ONE): 3}, frozenset({"x"}))


def test_a_restart_keeps_everything(tmp_path: Path) -> None:
    """Facts, pins, what refusals rest on, and the order of arrivals are there for the next follower."""
    path = tmp_path / "deep" / "ledger.json"
    ledger = Ledger(path)
    assert (dict(ledger.facts), ledger.pin(ONE), ledger.tracks) == ({}, "", TrackMemory())
    ledger.learn(ONE, Fact(Phase.READY, "d1", "key", "fine"))
    ledger.learn(TWO, Fact(Phase.REFUSED, reason="bad", retry_at=7.0), basis="b")
    ledger.learn_tracks(MEMORY, {})
    again = Ledger(path)
    assert dict(again.facts) == dict(ledger.facts)
    assert again.facts[ONE].retry_at == float("inf")
    assert (again.pin(ONE), again.pin(TWO), again.tracks) == ("d1", "", MEMORY)
    assert not again.reconsider(TWO, "b")


def test_a_pin_outlives_a_refusal(tmp_path: Path) -> None:
    """The digest at first sight stays, though later facts of that version have none."""
    ledger = Ledger(tmp_path / "l")
    ledger.learn(ONE, Fact(Phase.FETCHED, "d1"))
    ledger.learn(ONE, Fact(Phase.REFUSED, reason="its files changed"), basis="b")
    assert Ledger(tmp_path / "l").pin(ONE) == "d1"


def test_a_refusal_is_reconsidered_when_its_basis_changed(tmp_path: Path) -> None:
    """The same basis leaves it; another one forgets it, once; what was not refused is left alone."""
    ledger = Ledger(tmp_path / "l")
    ledger.learn(ONE, Fact(Phase.REFUSED, "d1", reason="bad"), basis="b")
    assert not ledger.reconsider(ONE, "b")
    assert ledger.facts[ONE].phase == Phase.REFUSED
    assert ledger.reconsider(ONE, "c")
    assert (ledger.facts[ONE].phase, ledger.facts[ONE].reason, ledger.pin(ONE)) == (Phase.UNKNOWN, "", "d1")
    assert not ledger.reconsider(ONE, "c")
    ledger.learn(TWO, Fact(Phase.READY, "d2"))
    assert not ledger.reconsider(TWO, "c")


def test_what_a_full_disk_did_not_take_is_saved_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same memory is written once more if it did not get to the disk."""
    ledger = Ledger(tmp_path / "l")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("cuelight.kit.files.replace", full)
        with pytest.raises(OSError, match="No space"):
            ledger.learn_tracks(MEMORY, {})
    ledger.learn_tracks(MEMORY, {})
    assert Ledger(tmp_path / "l").tracks == MEMORY


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"\xff",
        b'{"versions": [{}], "tracks": "{}"}',
        b'{"versions": [], "tracks": "x"}',
        b"null",
    ],
)
def test_a_corrupt_file_means_to_start_anew(tmp_path: Path, content: bytes) -> None:
    """Whatever is in it, the follower starts, knows nothing, and can learn again."""
    path = tmp_path / "l"
    path.write_bytes(content)
    ledger = Ledger(path)
    assert dict(ledger.facts) == {}
    ledger.learn(ONE, Fact(Phase.READY, "d"))
    assert Ledger(path).facts[ONE].phase == Phase.READY


def test_the_same_memory_is_not_written_again(tmp_path: Path) -> None:
    """Every sweep tells the ledger; only a change costs a write."""
    path = tmp_path / "l"
    ledger = Ledger(path)
    ledger.learn_tracks(MEMORY, {})
    path.unlink()
    ledger.learn_tracks(MEMORY, {})
    assert not path.exists()
