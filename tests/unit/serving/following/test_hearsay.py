from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from cuelight.kit.clock import FakeClock
from cuelight.kit.settings import Settings
from cuelight.operations.database import Operations
from cuelight.operations.host import Host, Record, Role, Version
from cuelight.registry.model import Track
from cuelight.serving.following.hearsay import Word, words
from cuelight.serving.following.presence import Presence
from cuelight.serving.host.company import Company
from tests.unit.serving.following.followed import Followed

OLD, NEW = Version(1, 1), Version(2, 2)
TAKEN = Role("m", "Production", NEW, "rolled-back", "Version 2 failed.", OLD)
DEAF = Host(name="b", folder="b", port=1, unread=60.0, roles=(TAKEN,))


def test_what_a_host_can_not_say_itself() -> None:
    """Of what it took back, and only while it does not reach the registry."""
    said = [Word(("m", Track.PRODUCTION), NEW, "Version 2 failed. So said b, which can't read MLflow.")]
    assert [*words([DEAF], 15.0)] == said
    assert [*words([msgspec.structs.replace(DEAF, unread=1.0)], 15.0)] == []
    serves = msgspec.structs.replace(TAKEN, state="serving", serves=NEW)
    assert [*words([msgspec.structs.replace(DEAF, roles=(serves,))], 15.0)] == []


@pytest.mark.parametrize("speaks", [True, False])
def test_who_speaks_for_all_takes_it_back_for_all(host: Followed, tmp_path: Path, speaks: bool) -> None:
    """Here at once, and in the registry, which the others follow."""
    for model in ("1", "2"):
        host.add("m", model)
        host.settle()
    versions = host.registry.snapshot().models["m"].versions
    new, old = (Version(number, versions[number].id.created_ms) for number in (2, 1))
    role = msgspec.structs.replace(TAKEN, wanted=new, serves=old)
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    for name, candidate in (("b", False), ("z", not speaks)):
        roles = (role,) if name == "b" else ()
        record = Record(name=name, folder=name, port=1, unread=60.0 if name == "b" else 0.0, roles=roles)
        assert Operations(url).beat(record, lambda mine, _: mine, 15.0, candidate)
    settings = Settings(home=host.home, host_name="a", database_url=url)
    host.presence = Presence(settings, Company(settings), lambda: Operations(url), FakeClock())
    host.presence.beat()
    host.start()
    host.follower._bakes.begin(host.follower._committed)
    host.settle()
    assert host.served() == {"m": 1 if speaks else 2}
    host.reporter.flush()
    host.settle()
    stages = {number: each.stage for number, each in host.registry.snapshot().models["m"].versions.items()}
    assert stages[2] == ("Archived" if speaks else "Production")
    assert [line for line in host.lines if line[0] == "rolled-back"] == ([("rolled-back", "m", 2)] if speaks else [])
