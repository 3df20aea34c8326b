from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from msgspec import structs

from cuelight.kit.errors import Misconfigured
from cuelight.operations import hosts, schema
from cuelight.operations.database import Operations
from cuelight.operations.engine import Database
from cuelight.operations.host import Host, Record, Role, Roll, Version
from tests.support.host import eventually

SILENT = 15.0
ROLE = Role("wine", "Production", Version(7, 1000), "refused", "It has no signature.", Version(6, 900), 12.5)


def record(name: str, **more: Any) -> Record:
    """What a host says of itself."""
    return Record(**{"name": name, "folder": f"folder of {name}", "port": 8000, **more})


def as_it_is(record: Record, _others: Sequence[Host]) -> Record:
    """Write what was to be written."""
    return record


def beat(operations: Operations, record: Record, candidate: bool = True) -> Roll:
    """A sign of life when nobody else gives one."""
    roll = operations.beat(record, as_it_is, SILENT, candidate)
    assert roll
    return roll


def pass_time(url: str, seconds: float, host: str = "%") -> None:
    """As if a host had given its last sign of life so much earlier, and the lead had been taken so much earlier."""
    moved, let = sa.update(schema.hosts), sa.update(schema.leases)
    with Database(url).writing() as connection:
        connection.execute(moved.where(schema.hosts.c.name.like(host)).values(seen=schema.hosts.c.seen - seconds))
        connection.execute(
            let.where(schema.leases.c.holder.like(host)).values(expires=schema.leases.c.expires - seconds)
        )


def test_a_host_is_read_as_it_wrote_itself(url: str) -> None:
    """All that it says, with its age by the database's clock: what its own clock says makes no difference."""
    said = record("berlin", address="10.0.0.7", zone="b", cores=8, version="1", started=5.0, clock=9e12, roles=(ROLE,))
    beat(Operations(url), said)
    pass_time(url, 100.0)
    (found,) = Operations(url).hosts()
    assert found == Host(**structs.asdict(said), draining=False, age=found.age)
    assert 100.0 <= found.age < 110.0
    assert found.role("wine", "Production") == ROLE
    assert found.role("wine", "Staging") is None


def test_nothing_is_kept_of_what_hosts_said_before(url: str) -> None:
    """However often their roles change, and whoever has gone: they may be large."""
    operations = Operations(url)
    for since in range(5):
        beat(operations, record("a", roles=(structs.replace(ROLE, since=float(since)),)))
        beat(operations, record("b", roles=(structs.replace(ROLE, since=float(since)),)))
        operations.hosts()
    assert sorted(hosts._decoded) == ["a", "b"]
    first, again = operations.hosts(), operations.hosts()
    assert all(one.roles is other.roles for one, other in zip(first, again, strict=True))
    pass_time(url, 90_000.0, "b")
    operations.forget_hosts()
    operations.hosts()
    assert sorted(hosts._decoded) == ["a"]


def test_each_sees_the_others_before_it_writes(url: str) -> None:
    """Its row is written as it settled it with their rows in sight: none of them changes meanwhile."""
    operations = Operations(url)
    seen: list[str] = []

    def settle(mine: Record, others: Sequence[Host]) -> Record:
        seen.extend(each.name for each in others)
        return structs.replace(mine, generation=41 + len(others))

    beat(operations, record("a"))
    roll = operations.beat(record("b"), settle, SILENT, True)
    assert roll
    assert seen == ["a"]
    assert [(each.name, each.generation) for each in roll.hosts] == [("a", 0), ("b", 42)]


def test_who_looks_while_another_host_comes_sees_it(url: str) -> None:
    """It waits for that one's row, which is not there yet when it begins to look."""
    operations, began, go = Operations(url), threading.Event(), threading.Event()
    beat(operations, record("b"))
    seen: list[tuple[str, int]] = []

    def slowly(mine: Record, _others: Sequence[Host]) -> Record:
        began.set()
        assert go.wait(60.0)
        return structs.replace(mine, generation=41)

    def look(mine: Record, others: Sequence[Host]) -> Record:
        seen.extend((each.name, each.generation) for each in others)
        return mine

    with ThreadPoolExecutor(2) as pool:
        comes = pool.submit(operations.beat, record("a"), slowly, SILENT, False)
        assert began.wait(60.0)
        looks = pool.submit(Operations(url).beat, record("b"), look, SILENT, False)
        eventually(lambda: is_waiting(url))
        go.set()
        assert comes.result()
        assert looks.result()
    assert seen == [("a", 41)]


def is_waiting(url: str) -> bool:
    """Whether somebody waits for a lock; SQLite can't tell."""
    if url.startswith("sqlite"):
        return True
    with Database(url).reading() as connection:
        return bool(connection.execute(sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar())


def test_one_leads_until_it_is_silent(url: str) -> None:
    """Whoever came first; another one once that is silent or has left; never one that may not."""
    operations = Operations(url)
    assert beat(operations, record("a"), candidate=False).leader == ""
    assert beat(operations, record("b")).leader == "b"
    assert beat(operations, record("a")).leader == "b"
    pass_time(url, SILENT + 1.0, "b")
    assert beat(operations, record("a")).leader == "a"
    assert beat(operations, record("b")).leader == "a"
    operations.leave("b")
    assert beat(operations, record("b")).leader == "a"
    operations.leave("a")
    assert beat(operations, record("b")).leader == "b"
    assert beat(operations, record("b"), candidate=False).leader == ""


def test_two_of_one_name_are_told_apart(url: str) -> None:
    """The second is told what to do, as long as the first is there; one that came back to its folder is the same."""
    operations = Operations(url)
    beat(operations, record("local", address="10.0.0.7"))
    with pytest.raises(Misconfigured, match=r"called 'local', at 10\.0\.0\.7:8000: set host_name"):
        beat(operations, record("local", folder="another"))
    beat(operations, record("local", port=8001))
    pass_time(url, SILENT + 1.0)
    beat(operations, record("local", folder="another"))
    assert [(each.folder, each.port) for each in operations.hosts()] == [("another", 8000)]


def test_a_copy_of_a_hosts_folder_is_told_apart(url: str) -> None:
    """As of a machine's image: who began first gives way and says so; a follower that starts again is no copy."""
    operations = Operations(url)
    beat(operations, record("a", started=100.0, address="10.0.0.7"))
    beat(operations, record("a", started=200.0, address="10.0.0.8"))
    with pytest.raises(Misconfigured, match=r"copy of this host's folder, at 10\.0\.0\.8:8000"):
        beat(operations, record("a", started=100.0, address="10.0.0.7"))
    beat(operations, record("a", started=200.0, address="10.0.0.8"))
    pass_time(url, SILENT + 1.0)
    beat(operations, record("a", started=100.0, address="10.0.0.7"))
    assert [each.address for each in operations.hosts()] == ["10.0.0.7"]


def test_draining_stays_through_signs_of_life(url: str) -> None:
    """It is what people said of the host, and not the host's to change."""
    operations = Operations(url)
    beat(operations, record("a"))
    assert operations.drain_host("a", draining=True)
    beat(operations, record("a", generation=2))
    assert [(each.draining, each.generation) for each in operations.hosts()] == [(True, 2)]
    assert not operations.drain_host("nobody", draining=True)


def test_a_host_that_takes_over_a_name_is_not_drained(url: str) -> None:
    """Who was drained and taken down is another one; the same that comes back after a while stays drained."""
    operations = Operations(url)
    beat(operations, record("a"))
    operations.drain_host("a", draining=True)
    pass_time(url, SILENT + 1.0)
    assert [each.draining for each in beat(operations, record("a")).hosts] == [True]
    pass_time(url, SILENT + 1.0)
    assert [each.draining for each in beat(operations, record("a", folder="another")).hosts] == [False]
    assert [each.draining for each in operations.hosts()] == [False]


def test_a_host_that_is_taken_down_is_forgotten(url: str) -> None:
    """Not one that just stops following, nor a drained one, which is to stay drained; nor another of its name."""
    operations = Operations(url)
    for name in ("a", "b", "c"):
        beat(operations, record(name))
    operations.drain_host("b", draining=True)
    operations.leave("a")
    operations.leave("b", "folder of b")
    operations.leave("c", "another folder")
    assert [each.name for each in operations.hosts()] == ["a", "b", "c"]
    operations.leave("a", "folder of a")
    assert [each.name for each in operations.hosts()] == ["b", "c"]


def test_only_those_gone_for_a_day_are_forgotten(url: str) -> None:
    """The others stay, however silent."""
    operations = Operations(url)
    for name in ("a", "b", "c"):
        beat(operations, record(name))
    pass_time(url, 80_000.0, "b")
    pass_time(url, 90_000.0, "c")
    operations.forget_hosts()
    assert [each.name for each in operations.hosts()] == ["a", "b"]


def test_the_table_is_of_a_database_that_was_there_before(tmp_path: Path) -> None:
    """One of the schema before is brought forward, and hosts write into it."""
    url = f"sqlite:///{tmp_path / 'operations.db'}"
    Operations(url)
    with sqlite3.connect(tmp_path / "operations.db") as connection:
        connection.execute("DROP TABLE hosts")
        connection.execute("UPDATE alembic_version SET version_num = '0006'")
    assert beat(Operations(url), record("a")).leader == "a"
