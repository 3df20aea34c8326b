from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from cuelight.kit import files
from cuelight.kit.clock import FakeClock
from cuelight.kit.settings import Settings
from cuelight.operations import replicas
from cuelight.operations.database import Operations
from cuelight.operations.host import Role, Version
from cuelight.operations.replicas import Replica
from cuelight.registry.model import Track, VersionId
from cuelight.serving.following.presence import CANT_READ, Bearing, Presence
from cuelight.serving.host.company import Company
from cuelight.serving.host.places import Places
from cuelight.serving.rollouts import pooled
from cuelight.serving.rollouts.bake import Bake
from tests.support.host import eventually

SILENT = 15.0
ROLES = (Role("wine", "Production"),)


def presence(folder: Path, name: str, clock: FakeClock, shared: bool = True, **more: Any) -> Presence:
    """A machine of its own, by its home."""
    url = f"sqlite:///{folder / 'shared.db'}" if shared else ""
    chosen = {"home": folder / name, "host_name": name, "database_url": url, "hosts_silent_seconds": SILENT, **more}
    settings = Settings(**chosen)
    return Presence(settings, Company(settings), lambda: Operations(settings.operations_url), clock)


def pass_time(folder: Path, seconds: float, *clocks: FakeClock) -> None:
    """For the database, and for the clocks of machines."""
    with sqlite3.connect(folder / "shared.db") as connection:
        connection.execute("UPDATE hosts SET seen = seen - ?", (seconds,))
        connection.execute("UPDATE leases SET expires = expires - ?", (seconds,))
    for each in clocks:
        each.advance(seconds)


def test_hosts_see_each_other(tmp_path: Path) -> None:
    """Their clocks an hour apart: what each serves is there for the others, and one speaks for all."""
    clocks = FakeClock(), FakeClock(1_700_003_600.0)
    one, two = (presence(tmp_path, name, clock) for name, clock in zip(("a", "b"), clocks, strict=True))
    one.tell(Bearing(7, ROLES))
    assert one.beat() == "0 other hosts; a speaks for all"
    assert two.beat() == "1 other hosts; a speaks for all"
    assert [(each.name, each.generation, each.roles) for each in two.sight.others] == [("a", 7, ROLES)]
    assert (one.leads(), two.leads()) == (True, False)
    assert (one.several, two.several) == (False, True)
    assert (one.led(), two.led()) == (False, True)


def test_the_lead_passes_on_and_is_never_held_by_two(tmp_path: Path) -> None:
    """Who can't see the database gives it up by itself, before another may take it."""
    clocks = FakeClock(), FakeClock()
    one, two = (presence(tmp_path, name, clock) for name, clock in zip(("a", "b"), clocks, strict=True))
    one.beat()
    two.beat()
    assert (one.led(), two.led()) == (False, True)
    pass_time(tmp_path, SILENT / 2.0, *clocks)
    assert (one.leads(), two.led()) == (False, False)
    two.beat()
    assert (one.leads(), two.leads(), two.led()) == (False, False, False)
    pass_time(tmp_path, SILENT, *clocks)
    assert two.beat() == "1 other hosts, silent: a; b speaks for all"
    assert (one.leads(), two.leads()) == (False, True)
    one.beat()
    assert (one.leads(), two.leads()) == (False, True)


def test_without_the_database_a_host_goes_on(tmp_path: Path) -> None:
    """It says so, keeps what it has seen, and is heard again when the database is back."""
    clock = FakeClock()
    one = presence(tmp_path, "a", clock)
    presence(tmp_path, "b", FakeClock()).beat()
    one.beat()
    shutil.move(tmp_path / "shared.db", tmp_path / "kept.db")
    (tmp_path / "shared.db").write_bytes(b"not a database at all" * 100)
    assert one.beat().startswith("The other hosts can't be seen: The operations database")
    assert [each.name for each in one.sight.others] == ["b"]
    shutil.move(tmp_path / "kept.db", tmp_path / "shared.db")
    assert one.beat() == "1 other hosts; b speaks for all"


def test_a_host_that_shares_nothing_is_alone(tmp_path: Path) -> None:
    """It writes nothing down, opens no database, and speaks for itself."""
    one = presence(tmp_path, "a", FakeClock(), shared=False)
    assert one.beat() == ""
    assert one.leads()
    assert not (tmp_path / "a" / "operations.db").exists()


def test_what_keeps_a_follower_from_going_on_is_seen(tmp_path: Path) -> None:
    """As long as it does, and some seconds longer; the error is its loop's to log."""
    clock = FakeClock()
    one, two = presence(tmp_path, "a", clock), presence(tmp_path, "b", FakeClock())

    def full() -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space"):
        one.attend(full)
    one.beat()
    two.beat()
    assert [each.trouble for each in two.sight.others] == ["Its follower can't go on: No space left on device."]
    for seconds, troubled in ((5.0, True), (6.0, False)):
        clock.advance(seconds)
        assert one.attend(lambda: "serving") == "serving"
        one.beat()
        two.beat()
        assert [bool(each.trouble) for each in two.sight.others] == [troubled]


def test_whatever_keeps_a_follower_from_going_on_is_said(tmp_path: Path) -> None:
    """In the words of the error, also where the system has none for it."""
    one, two = presence(tmp_path, "a", FakeClock()), presence(tmp_path, "b", FakeClock())
    for error, said in ((OSError("not all is there"), "not all is there"), (KeyError("wine"), "KeyError: 'wine'")):

        def fails(error: Exception = error) -> str:
            raise error

        with pytest.raises(type(error)):
            one.attend(fails)
        one.beat()
        two.beat()
        assert [each.trouble for each in two.sight.others] == [f"Its follower can't go on: {said}."]


def test_who_can_not_go_on_does_not_speak_for_all(tmp_path: Path) -> None:
    """With a full disk it would say of all for ever what it knew before; unless nobody else can."""
    one, two = presence(tmp_path, "a", FakeClock()), presence(tmp_path, "b", FakeClock())

    def full() -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for each in (one, two, one):
        each.beat()
    with pytest.raises(OSError, match="No space"):
        one.attend(full)
    for each in (one, two, one):
        each.beat()
    assert (one.leads(), two.leads()) == (False, True)
    with pytest.raises(OSError, match="No space"):
        two.attend(full)
    for each in (two, one, two):
        each.beat()
    assert (one.leads(), two.leads()) == (False, True)


def test_a_turn_that_was_given_is_kept(tmp_path: Path) -> None:
    """A follower may be at it before it says so itself: who comes first by name, and comes late, waits for it."""
    waits = Role("wine", "Production", Version(2, 2), "waiting", "", Version(1, 1))
    late, one = presence(tmp_path, "a", FakeClock()), presence(tmp_path, "b", FakeClock())
    for each in (one, late):
        each.tell(Bearing(1, (waits,), {"wine": 1}))
    one.beat()
    assert [*one.permits] == [("wine", Version(2, 2))]
    late.beat()
    one.beat()
    late.beat()
    assert ([*one.permits], [*late.permits]) == ([("wine", Version(2, 2))], [])


def test_rollouts_are_taken_up_by_one_machine_and_followed_by_the_others(tmp_path: Path) -> None:
    """By the file that it keeps: theirs says the same from their next look on."""
    one, two = presence(tmp_path, "a", FakeClock()), presence(tmp_path, "b", FakeClock())
    kept = Settings(home=tmp_path / "a").serving_folder / "rollouts.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text('{"wine": {}}')
    one.beat()
    two.beat()
    assert (Settings(home=tmp_path / "b").serving_folder / "rollouts.json").read_text() == '{"wine": {}}'


def counted(candidate: int) -> pooled.Part:
    """What a machine has counted of a version."""
    return pooled.part(("m", Track.PRODUCTION), VersionId("m", candidate, 0, ""), VersionId("m", 1, 0, ""), Bake(2, 1))


def test_each_sees_what_all_have_counted_while_they_are_heard(tmp_path: Path) -> None:
    """Not of one that fell silent, nor anything at all while the others can't be seen."""
    clocks = FakeClock(), FakeClock()
    one, two = (presence(tmp_path, name, clock) for name, clock in zip(("a", "b"), clocks, strict=True))
    one.count((counted(2),))
    one.beat()
    two.beat()
    assert two.parts == {"a": (counted(2),), "b": ()}
    pass_time(tmp_path, SILENT + 1.0, *clocks)
    assert two.parts == {}
    two.beat()
    assert two.parts == {"b": ()}


def test_of_a_machines_replicas_one_says_what_all_of_them_counted(tmp_path: Path) -> None:
    """They count each other's answers as well."""
    one = presence(tmp_path, "a", FakeClock())
    two = presence(tmp_path, "a-2", FakeClock(), home=tmp_path / "a", serving_replica="replica-2")
    replicas.change(one._settings, lambda first: (*first, Replica("replica-2", "127.0.0.1", 8001)))
    for each in (one, two):
        each.count((counted(2),))
        each.beat()
    assert two.parts == {"a": (counted(2),)}


def test_who_can_not_read_the_registry_says_so_and_does_not_speak_for_all(tmp_path: Path) -> None:
    """Unless nobody else can; and not by a short fault."""
    one, two = presence(tmp_path, "a", FakeClock()), presence(tmp_path, "b", FakeClock())
    for each in (one, two, one):
        each.beat()
    one.unread = lambda: SILENT - 1.0
    assert one.beat() == "1 other hosts; a speaks for all"
    two.unread = lambda: SILENT - 2.0  # both lost it, and one says so a little later
    two.beat()
    one.beat()
    one.unread = two.unread = lambda: SILENT + 1.0
    assert one.beat() == "1 other hosts; a speaks for all"
    two.beat()
    assert one.beat() == "1 other hosts; a speaks for all"
    assert [(each.unread, each.trouble) for each in one.sight.others] == [(SILENT + 1.0, CANT_READ)]
    two.unread = lambda: 0.0
    for each in (two, one, one, two):
        each.beat()
    assert (one.leads(), two.leads()) == (False, True)
    assert [each.trouble for each in two.sight.others] == [CANT_READ]


def test_a_full_disk_keeps_nobody_from_seeing_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only how far rollouts are can't be taken up."""
    one, two = presence(tmp_path, "a", FakeClock()), presence(tmp_path, "b", FakeClock())
    one.beat()
    two.beat()
    kept = Settings(home=tmp_path / "a").serving_folder / "rollouts.json"
    kept.write_text('{"wine": {}}')
    one.tell(Bearing(7, ROLES))
    one.beat()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "replace", full)
    with pytest.raises(OSError, match="No space"):
        two.beat()
    assert [each.generation for each in two.sight.others] == [7]


def test_a_new_host_that_leads_at_once_goes_on_with_rollouts(tmp_path: Path) -> None:
    """Whoever led is gone: those that are left would take up from a new one that each rollout begins anew."""
    one, two = presence(tmp_path, "a", FakeClock()), presence(tmp_path, "b", FakeClock())
    kept = Settings(home=tmp_path / "a").serving_folder / "rollouts.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text('{"wine": {}}')
    one.beat()
    pass_time(tmp_path, SILENT + 1.0)
    assert two.beat() == "1 other hosts, silent: a; b speaks for all"
    one.beat()
    for each in (kept, Settings(home=tmp_path / "b").serving_folder / "rollouts.json"):
        assert each.read_text() == '{"wine": {}}'


@pytest.mark.parametrize("leaving", [True, False])
def test_who_is_about_to_be_stopped_is_forgotten_with_its_end(tmp_path: Path, leaving: bool) -> None:
    """A follower that ends alone is heard of again; both let another one speak for all at once."""
    settings = Settings(home=tmp_path / "a", host_name="a", database_url=f"sqlite:///{tmp_path / 'shared.db'}")
    operations = Operations(settings.operations_url)
    one = Presence(settings, Company(settings), lambda: Operations(settings.operations_url))
    one.start()
    eventually(one.leads)
    if leaving:
        sign = Places(settings.serving_folder).leaving
        sign.parent.mkdir(parents=True)
        sign.touch()
    one.stop()
    assert [each.name for each in operations.hosts()] == ([] if leaving else ["a"])
    other = presence(tmp_path, "b", FakeClock())
    other.beat()
    assert other.leads()
