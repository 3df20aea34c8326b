from __future__ import annotations

import socket
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from cuelight.gateway.elsewhere import Elsewhere, left, unlisted
from cuelight.gateway.places import Places
from cuelight.gateway.watcher import Watcher
from cuelight.kit.settings import Settings
from cuelight.operations import replicas
from cuelight.operations.database import Operations
from cuelight.operations.host import Record
from cuelight.operations.replicas import Replica


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A gateway that shares a database with others."""
    return Settings(home=tmp_path / "home", database_url=f"sqlite:///{tmp_path / 'shared.db'}")


def join(settings: Settings, name: str, folder: str = "", **more: Any) -> None:
    """A host's sign of life."""
    record = Record(name=name, folder=folder or name, **{"address": "10.0.0.7", "port": 8000, "cores": 4, **more})
    assert Operations(settings.operations_url).beat(record, lambda mine, _: mine, 15.0, candidate=True)


def published(settings: Settings, elsewhere: Elsewhere) -> str:
    """What the watcher says that it published."""
    return Watcher(settings, lambda: elsewhere.members).tick()


def test_hosts_elsewhere_take_part(settings: Settings) -> None:
    """By their addresses, zones and cores; one on loopback is its own machine's alone, and one that can't be found is
    left out."""
    join(settings, "b", zone="z")
    join(settings, "c", address="nobody.invalid")
    join(settings, "d", address="")
    elsewhere = Elsewhere(settings)
    assert elsewhere.look() == "hosts on other machines: b; not to be found by their addresses: c"
    assert elsewhere.members == (Replica("b", "10.0.0.7", 8000, "z", 4),)
    assert published(settings, elsewhere) == "endpoints: b (10.0.0.7:8000)"
    Operations(settings.operations_url).drain_host("b", draining=True)
    elsewhere.look()
    assert elsewhere.members[0].draining


def test_this_machine_is_not_elsewhere(settings: Settings) -> None:
    """Its replicas are told by their folders, and known by the address of the settings; so they are once each."""
    identity = replicas.identity(settings, "")
    identity.parent.mkdir(parents=True)
    identity.write_text("this folder")
    join(settings, "a", folder="this folder")
    join(settings, "b")
    elsewhere = Elsewhere(settings)
    elsewhere.look()
    assert published(settings, elsewhere) == "endpoints: replica-1 (127.0.0.1:8000), b (10.0.0.7:8000)"


def test_a_dead_database_takes_nobody_away(settings: Settings, tmp_path: Path) -> None:
    """Those that it named last stay, and are remembered when the gateway starts while it is dead."""
    join(settings, "b")
    elsewhere = Elsewhere(settings)
    elsewhere.look()
    (tmp_path / "shared.db").write_bytes(b"not a database at all" * 100)
    for each in (elsewhere, Elsewhere(settings)):
        assert each.look().endswith("The hosts stay as they were.")
        assert [member.name for member in each.members] == ["b"]


def test_any_name_is_remembered(settings: Settings, tmp_path: Path) -> None:
    """Those of hosts are freer than those of replicas."""
    for name in ("berlin.example.com", "Berlin_1"):
        join(settings, name)
    Elsewhere(settings).look()
    (tmp_path / "shared.db").write_bytes(b"not a database at all" * 100)
    assert [each.name for each in Elsewhere(settings).members] == ["Berlin_1", "berlin.example.com"]
    (Places(settings.gateway_folder).hosts).write_text('[{"nom": "berlin"}]')
    assert Elsewhere(settings).members == ()


def test_a_host_that_does_not_know_its_address_stays_where_it_was(settings: Settings) -> None:
    """As one that starts while names can't be resolved: it serves. One that was never known is nowhere."""
    join(settings, "b")
    elsewhere = Elsewhere(settings)
    elsewhere.look()
    before = elsewhere.members
    for name in ("b", "c"):
        join(settings, name, address="")
    assert elsewhere.look() == "hosts on other machines: b; not to be found in the table: b"
    assert elsewhere.members == before


def test_who_is_silent_stays_while_it_answers(settings: Settings, tmp_path: Path) -> None:
    """It may have lost the database alone. Nobody says here that it fails probes."""
    join(settings, "b")
    with sqlite3.connect(tmp_path / "shared.db") as connection:
        connection.execute("UPDATE hosts SET seen = seen - 100")
    elsewhere = Elsewhere(settings)
    assert elsewhere.look() == "hosts on other machines: b; silent: b"


def test_who_is_silent_and_fails_is_gone_until_it_is_heard() -> None:
    """Neither alone is enough, and one who is gone, which no probes are made of any more, stays so."""
    silent, nobody, both = frozenset({"b"}), frozenset[str](), {"a", "b"}
    assert left(silent, nobody, {"a", "b"}, {"a"}, both) == nobody
    assert left(nobody, nobody, {"a", "b"}, {"b"}, both) == nobody
    assert left(silent, nobody, {"a", "b"}, {"b"}, both) == {"b"}
    assert left(silent, nobody, {"a"}, {"b"}, both) == nobody
    assert left(silent, silent, {"a"}, nobody, both) == {"b"}
    assert left(nobody, silent, {"a"}, nobody, both) == nobody


def test_the_last_ones_stay() -> None:
    """All fell silent and fail: when they come back and the database does not, they are found where they were."""
    assert left({"a", "b"}, {"a"}, {"b"}, {"b"}, {"a", "b"}) == {"a"}
    assert left({"a", "b"}, frozenset(), {"a", "b"}, {"a", "b"}, {"a", "b"}) == frozenset()


def test_a_table_that_was_made_anew_takes_nobody_away(settings: Settings, tmp_path: Path) -> None:
    """Nor one from which a host was deleted that had not been heard of for a day, as long as it passes probes."""
    join(settings, "b")
    elsewhere = Elsewhere(settings)
    elsewhere.look()
    (tmp_path / "shared.db").unlink()
    elsewhere._operations = None
    join(settings, "c", port=8001)
    assert elsewhere.look() == "hosts on other machines: b, c; not to be found in the table: b"
    assert unlisted(elsewhere.members, {"c"}, {"b"}, ()) == ()
    join(settings, "renamed")
    assert elsewhere.look() == "hosts on other machines: c, renamed"


def test_names_that_nobody_knows_for_a_moment_take_nobody_away(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a host was found before, it is still."""
    join(settings, "b", address="localhost")
    elsewhere = Elsewhere(settings)
    elsewhere.look()
    before = elsewhere.members

    def fails(*_: object, **__: object) -> None:
        raise socket.gaierror("Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    assert elsewhere.look() == "hosts on other machines: b; not to be found by their addresses: b"
    assert elsewhere.members == before
