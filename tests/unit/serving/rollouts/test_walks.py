"""Every model's rollout: when it begins, rests, ends, and what of it survives a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from cuelight.registry.model import Track, VersionId
from cuelight.registry.rollout import Plan
from cuelight.registry.traffic import Spell, Traffic
from cuelight.serving.host.deployment import Deployment, Served
from cuelight.serving.rollouts.standing import Standing
from cuelight.serving.rollouts.walks import Walks, progress

PLAN = Plan((5.0, 25.0), 600)
T0 = 1_700_000_000.0


def _id(number: int) -> VersionId:
    return VersionId("m", number, number, "s")


def _committed(production: int | None = 1, staging: int | None = 2, canary: float = 5.0) -> Deployment:
    tracks = {Track.PRODUCTION: production, Track.STAGING: staging}
    served = {("m", track): Served(_id(each), "d", "", "r", "stage", 0.0) for track, each in tracks.items() if each}
    return Deployment(1, 0.0, served, traffic={"m": Traffic(canary)})


def _fine(_model: str) -> Standing:
    return Standing.FINE


class _Room:
    """Walks of model m, which a tag asks for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.walks = Walks(path)

    def look(self, now: float = T0, staging: int = 2, plan: Plan = PLAN, committed: Deployment | None = None) -> float:
        """One look; the canary's share after it."""
        spells = {"m": Spell(_id(staging), Traffic(7.0, 50.0), plan)}
        self.walks.advance(spells, committed or _committed(staging=staging), _fine, now)
        shared = self.walks.shared({"m": spells["m"].traffic}, spells)["m"]
        assert shared.shadow == 50.0
        return shared.canary


@pytest.fixture
def room(tmp_path: Path) -> _Room:
    """Where nothing has begun yet."""
    return _Room(tmp_path / "rollouts.json")


def test_a_rollout_is_in_charge_while_it_is_set(room: _Room) -> None:
    """Its share counts, not the canary tag's; when it is taken away the tag's counts again."""
    assert room.look() == 5.0
    assert room.look(T0 + 600) == 25.0
    assert room.walks.notes()[_id(2)].startswith("Rollout: step 2 of 2, 25 % since 2023-11-14T22:23:20Z: ")
    assert room.look(T0 + 700, plan=Plan()) == 7.0
    assert room.walks.notes() == {}
    assert room.look(T0 + 800) == 5.0


def test_who_does_not_lead_goes_with_who_does(room: _Room) -> None:
    """The same share everywhere, or a caller would meet another version by another replica."""
    other = _Room(room.path)
    other.walks = Walks(room.path, leads=lambda: False)
    assert other.look() == 0.0
    assert (room.look(), other.look(T0 + 600)) == (5.0, 5.0)
    assert (room.look(T0 + 600), other.look(T0 + 600)) == (25.0, 25.0)


@pytest.mark.parametrize(("production", "staging"), [(None, 2), (1, None), (2, 2), (1, 3)])
def test_it_begins_when_its_version_is_served_beside_another(
    room: _Room, production: int | None, staging: int | None
) -> None:
    """Until then the version takes nothing; once under way it loses no step where it is not."""
    committed = _committed(production, staging)
    assert room.look(committed=committed) == 0.0
    assert progress(room.path) == {}
    room.look()
    assert room.look(T0 + 600) == 25.0
    assert room.look(T0 + 700, committed=committed) == 25.0
    assert room.look(T0 + 800) == 25.0


def test_another_version_begins_anew(room: _Room) -> None:
    """What one has earned is not the next one's."""
    room.look()
    assert room.look(T0 + 600) == 25.0
    assert room.look(T0 + 700, staging=3, committed=_committed(staging=2)) == 0.0
    assert room.look(T0 + 700, staging=3) == 5.0


def test_a_restart_goes_on_where_it_was(room: _Room) -> None:
    """Step, moment and reason; also with a clock that was set back in between."""
    room.look()
    room.look(T0 + 600)
    again = _Room(room.path)
    assert progress(room.path) == again.walks._progress
    assert again.look(T0 + 601) == 25.0
    assert "25 % since 2023-11-14T22:23:20Z" in progress(room.path)["m"].says
    assert _Room(room.path).look(T0 - 9000) == 25.0


def test_only_a_share_that_is_served_can_pass(room: _Room) -> None:
    """How the version did at another share does not count."""
    room.look()
    for canary in (0.0, 7.0):
        assert room.look(T0 + 900, committed=_committed(canary=canary)) == 5.0
    assert progress(room.path)["m"].says.endswith("it waits, there is too little traffic yet to tell")
    assert room.look(T0 + 900) == 25.0


def test_the_file_is_written_when_something_changed(room: _Room) -> None:
    """Not at every look."""
    room.look()
    room.path.unlink()
    room.look(T0 + 1)
    assert not room.path.exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"m": {}}', b'{"m": {"plan": "off", "version": []}}'])
def test_a_file_that_cannot_be_read_means_to_begin_anew(room: _Room, content: bytes) -> None:
    """At the first share: lower than it was, and never higher."""
    room.path.write_bytes(content)
    assert progress(room.path) == {}
    assert room.look() == 5.0
