from __future__ import annotations

import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from cuelight.kit.errors import Misconfigured, Unavailable
from cuelight.operations import migrations, postgres, schema
from cuelight.operations.database import Operations
from cuelight.operations.reports import Report
from tests.support import tampering


def _start(url: str, number: int) -> None:
    operations = Operations(url, writer=f"w{number % 2}")
    operations.record("started", "m", number, {})
    operations.close()


def test_many_processes_may_start_at_once(new_url: str) -> None:
    """Processes that find no database at the same moment make it once, and all their events are in whole chains."""
    context = multiprocessing.get_context("spawn")  # threads of other tests may hold locks, which forks would inherit
    processes = [context.Process(target=_start, args=(new_url, number)) for number in range(4)]
    for each in processes:
        each.start()
    for each in processes:
        each.join()
    assert [each.exitcode for each in processes] == [0] * 4
    operations = Operations(new_url)
    assert sorted(each.version or 0 for each in operations.history()) == list(range(4))
    assert operations.verify() == []


def test_the_migrations_make_the_schema(url: str) -> None:
    """What the steps build is what `schema.py` says, and the newest step is the one it names."""
    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert script.get_current_head() == schema.NEWEST
    with tampering.opened(url) as connection:
        options = {"compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), schema.metadata) == []
        indexes = sa.inspect(connection).get_indexes("retrains")
        kind = connection.dialect.name
    open_ones = next(each for each in indexes if each["name"] == "retrains_one_open")
    assert "queued" in str(open_ones["dialect_options"][f"{kind}_where"])


def test_a_database_of_an_older_cuelight_is_brought_forward_with_its_rows(new_url: str, tmp_path: Path) -> None:
    """What a database of the first schema holds is there after the steps, and the next line signs all of it."""
    with tampering.opened(new_url) as connection:
        begin(connection, "0001")
    made = Operations(f"sqlite:///{tmp_path / 'made.db'}", "one")
    made.record("traffic", "m", 7, {"canary": 5.0}, at=10.0)
    with tampering.opened(f"sqlite:///{tmp_path / 'made.db'}") as source, tampering.opened(new_url) as target:
        for table in (schema.history, schema.heads):
            columns = [each for each in table.columns if each.name != "id"]
            target.execute(sa.insert(table), list(map(dict, source.execute(sa.select(*columns)).mappings())))
    operations = Operations(new_url, "one", keys=tmp_path / "keys")
    assert [(each.version, each.detail) for each in operations.history("m")] == [(7, {"canary": 5.0})]
    assert operations.verify() == ["one: none of its 1 rows is covered by a signature."]
    operations.record("traffic", "m", 8, {})
    assert operations.verify() == []


def begin(connection: sa.Connection, revision: str) -> None:
    """An empty database as a Cuelight of that schema made it."""
    if connection.dialect.name == "postgresql":
        postgres.prepare(connection, 60.0)
    migrations.upgrade(connection, revision)


def test_a_current_database_is_opened_without_alembic(url: str) -> None:
    """A short-lived process does not pay for migrations that are done."""
    code = (
        "import sys; from cuelight.operations.database import Operations; Operations(sys.argv[1]);"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, url], check=False).returncode == 0


def test_a_newer_database_is_refused(url: str) -> None:
    """A database that a newer Cuelight has changed is left alone, with a message that says so."""
    tampering.execute(url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Misconfigured, match="newer than this Cuelight"):
        Operations(url)


@pytest.mark.parametrize("wrong", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_that_cannot_be_shared_is_refused(wrong: str) -> None:
    """SQLite in memory is each process's own."""
    with pytest.raises(Misconfigured, match="can't be shared"):
        Operations(wrong)


@pytest.mark.parametrize(
    "wrong", ["no url", "nonsense://me:secret@db/x", "mysql://me:secret@db/x", "postgresql://db:x/y"]
)
def test_what_is_no_postgresql_is_a_mistake_in_the_settings(wrong: str) -> None:
    """The message names the setting, and nothing of what it holds."""
    with pytest.raises(Misconfigured, match=r"database\.url") as error:
        Operations(wrong)
    assert "secret" not in str(error.value)


def test_a_driver_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the extra that brings it."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Misconfigured, match=r"pip install 'cuelight\[postgres\]'"):
        Operations("postgresql://me:secret@db/x")


def test_reports_come_back_newest_first(url: str) -> None:
    """Reports are kept as given, and found by model and version, the newest first."""
    operations = Operations(url)
    given = [
        Report("m", version, at, at - 60, at, 500, "drift", "x moved", {"data": True}, "run", {"x": {"p": 0.01}})
        for version, at in [(1, 10.0), (2, 30.0), (1, 20.0)]
    ]
    for each in [*given, Report("other", None, 1.0, None, None, 0, "not enough data", "no rows")]:
        operations.add_report(each)
    assert operations.reports("m") == [given[1], given[2], given[0]]
    assert operations.reports("m", version=1, limit=1) == [given[2]]
    assert [each.window_start for each in operations.reports("other")] == [None]


def test_a_database_that_cant_be_used_is_told_in_a_line(tmp_path: Path) -> None:
    """A damaged file, or a server that is not there, is an error of ours that names the place and the cause."""
    (tmp_path / "operations.db").write_bytes(b"no database" * 1000)
    with pytest.raises(Unavailable, match=r"operations\.db can't be used: file is not a database\.$"):
        Operations(f"sqlite:///{tmp_path / 'operations.db'}")
    with pytest.raises(
        Unavailable, match=r"at postgresql\+psycopg://me:\*\*\*@127\.0\.0\.1:1/x can't be used: "
    ) as error:
        Operations("postgresql://me:secret@127.0.0.1:1/x?password=secret")
    assert "secret" not in str(error.value)
