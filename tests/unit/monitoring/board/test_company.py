from __future__ import annotations

from pathlib import Path

from cuelight.kit.clock import FakeClock
from cuelight.kit.settings import Settings
from cuelight.monitoring.board.company import Company
from cuelight.monitoring.board.sources import Sources
from cuelight.operations.database import Operations
from cuelight.operations.host import Record, Role, Version


def test_hosts_elsewhere_are_shown_and_said_to_differ(tmp_path: Path) -> None:
    """Those of the shared database, and as they were while that is dead."""
    settings = Settings(home=tmp_path, database_url=f"sqlite:///{tmp_path / 'shared.db'}")
    for name, serves in (("b", 7), ("c", 6)):
        role = Role(
            "wine", "Production", Version(7, 7), "serving" if serves == 7 else "trial", "", Version(serves, serves)
        )
        record = Record(name=name, folder=name, address="127.0.0.1", port=1, roles=(role,))
        assert Operations(settings.operations_url).beat(record, lambda mine, _: mine, 15.0, candidate=True)
    clock = FakeClock()
    sources = Sources(settings, dict, Company(settings, clock))
    for _ in range(2):
        clock.advance(5.0)
        assert [each.replica.name for each in sources.seen()] == ["b", "c"]
        assert sources.spreads(["wine", "beer"]) == {"wine": "1 of 2 hosts serve version 7; c is at it (trial)"}
        (tmp_path / "shared.db").write_bytes(b"not a database at all" * 100)


def test_one_page_asks_the_database_once(tmp_path: Path) -> None:
    """It asks for hosts several times: with a database that hangs each would be waited for."""
    settings, clock = Settings(home=tmp_path, database_url=f"sqlite:///{tmp_path / 'shared.db'}"), FakeClock()
    company, operations = Company(settings, clock), Operations(settings.operations_url)

    def join(name: str) -> None:
        assert operations.beat(Record(name=name, folder=name, port=1), lambda mine, _: mine, 15.0, candidate=True)

    join("a")
    assert [each.name for each in company()] == ["a"]
    join("b")
    assert [each.name for each in company()] == ["a"]
    clock.advance(1.0)
    assert [each.name for each in company()] == ["a", "b"]


def test_who_is_alone_asks_nobody(tmp_path: Path) -> None:
    """There may not even be a database."""
    assert Company(Settings(home=tmp_path / "alone"))() == ()
    assert not (tmp_path / "alone").exists()
