"""What a follower makes of personal columns."""

from __future__ import annotations

from cuelight.registry.model import Snapshot
from tests.unit.serving.following.followed import Followed


def _personal(host: Followed) -> dict[str, tuple[str, ...]]:
    return dict(host.room.generations.read(host.room.board.committed).personal)


def test_a_tag_takes_effect_by_a_generation_and_stays_while_the_registry_is_away(host: Followed) -> None:
    """With a line in the history; a misspelt name has one too, by the version; only a good reading takes it back."""
    host.add("m", "1")
    host.settle()
    before = host.room.board.committed
    host.registry.set_model_tags("m", {"cuelight.pii": "a, bb"})
    host.settle()
    assert (host.room.board.committed, _personal(host)) == (before + 1, {"m": ("a", "bb")})
    host.reporter.flush()
    assert [line for line in host.lines if line[0].startswith("personal")] == [
        ("personal", "m", None),
        ("personal-unknown", "m", 1),
    ]

    host.start()
    host.settle(read=False)
    assert _personal(host) == {"m": ("a", "bb")}
    host.settle()
    host.registry.set_model_tags("m", {"cuelight.pii": ""})
    host.settle()
    assert _personal(host) == {}


def test_a_model_that_one_reading_lacks_keeps_its_personal_columns(host: Followed) -> None:
    """It is still served, so its callers' values still come."""
    host.add("m", "1")
    host.add("n", "1")
    host.registry.set_model_tags("m", {"cuelight.pii": "a"})
    host.settle()
    committed = host.follower._committed
    whole = host.registry.snapshot()
    host.follower._outlook.take(Snapshot({"n": whole.models["n"]}), committed.tracks)
    assert host.follower._outlook.personal(committed) == {"m": ("a",)}
