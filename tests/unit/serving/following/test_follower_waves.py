"""A follower whose model goes from host to host, and what the others read of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cuelight.kit.clock import FakeClock
from cuelight.kit.settings import Settings
from cuelight.operations.database import Operations
from cuelight.operations.host import Record, Role, Version
from cuelight.registry import tags
from cuelight.serving.following.presence import Presence
from cuelight.serving.host.company import Company
from tests.unit.serving.following.followed import Followed

LOADING = 40.0


@pytest.fixture
def presence(host: Followed, clock: FakeClock, tmp_path: Path) -> Presence:
    """That of a host called b, which serves version 1 of a model whose versions go in waves."""
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    settings = Settings(home=host.home, host_name="b", database_url=url)
    host.presence = found = Presence(settings, Company(settings), lambda: Operations(url), clock)
    host.start()
    host.add("m", "1")
    host.registry.set_model_tags("m", {tags.WAVE: "true"})
    host.settle()
    return found


def role(presence: Presence) -> Role:
    """What the host says of the model from now on."""
    (found,) = (each for each in presence._bearing.roles if each.track == "Production")
    return found


def test_its_turn_lasts_from_the_first_load_to_the_switch(host: Followed, presence: Presence, clock: FakeClock) -> None:
    """It says so while workers load, whatever is read meanwhile, and serves the version since they all do."""
    slot = host.room.board.claim()
    host.add("m", "2")
    assert host.settle().endswith("waiting for their turn: m version 2")
    presence.beat()
    assert host.follower.tick().startswith("preparing")
    assert role(presence).state == "switching"
    clock.advance(LOADING)
    host.room.board.acknowledge(slot, host.room.board.target)
    host.follower.tick()
    assert host.served() == {"m": 2}
    assert (role(presence).state, role(presence).since) == ("serving", clock.now())


def test_one_that_comes_back_is_ready_once_it_knows_whether_to_wait(
    host: Followed, presence: Presence, clock: FakeClock
) -> None:
    """What it served before may be what nobody else serves any more: the table says so, or that it has to wait."""
    host.room.board.open(clock.now())
    clock.advance(1.0)
    host.add("m", "2")
    host.settle()
    assert not host.room.board.caught_up(clock.now(), 30.0)
    version = host.registry.snapshot().models["m"].versions[2].id
    trial = Role("m", "Production", Version(2, version.created_ms), "trial", serves=Version(1, 1))
    first = Record(name="a", folder="a", port=1, roles=(trial,))
    operations = Operations(presence._settings.operations_url)
    assert operations.beat(first, lambda mine, _: mine, 15.0, candidate=False)
    presence.beat()
    host.settle()
    assert host.served() == {"m": 1}
    assert host.room.board.caught_up(clock.now(), 30.0)
