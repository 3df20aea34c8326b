from __future__ import annotations

import multiprocessing
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from cuelight.kit.errors import Misconfigured, Unavailable
from cuelight.operations import migrations, schema
from cuelight.operations.database import Operations
from cuelight.operations.reports import Report


def _url(folder: Path) -> str:
    return f"sqlite:///{folder / 'new' / 'operations.db'}"


def _start(url: str, number: int) -> None:
    Operations(url, writer=f"w{number % 2}").record("started", "m", number, {})


def test_many_processes_may_start_at_once(tmp_path: Path) -> None:
    """Processes that find no database at the same moment make it once, and all their events are in whole chains."""
    url = _url(tmp_path)
    context = multiprocessing.get_context("spawn")  # threads of other tests may hold locks, which forks would inherit
    processes = [context.Process(target=_start, args=(url, number)) for number in range(8)]
    for each in processes:
        each.start()
    for each in processes:
        each.join()
    assert [each.exitcode for each in processes] == [0] * 8
    operations = Operations(url)
    assert sorted(each.version or 0 for each in operations.history()) == list(range(8))
    assert operations.verify() == []


def test_the_migrations_make_the_schema(tmp_path: Path) -> None:
    """What the steps build is what `schema.py` says, and the newest step is the one it names."""
    Operations(_url(tmp_path))
    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert script.get_current_head() == schema.NEWEST
    with sa.create_engine(_url(tmp_path)).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
        indexes = sa.inspect(connection).get_indexes("retrains")
    open_ones = next(each for each in indexes if each["name"] == "retrains_one_open")
    assert "queued" in str(open_ones["dialect_options"]["sqlite_where"])


def test_a_database_of_an_older_cuelight_is_brought_forward_with_its_rows(tmp_path: Path) -> None:
    """What a database of the first schema holds is there after the step, and the next line signs all of it."""
    url = _url(tmp_path)
    Operations(url, "one").record("traffic", "m", 7, {"canary": 5.0}, at=10.0)
    columns = "writer, sequence, at, kind, model, version, detail, previous, hash"
    with sqlite3.connect(tmp_path / "new" / "operations.db") as connection:
        rows = connection.execute(f"SELECT {columns} FROM history").fetchall()
        ends = connection.execute("SELECT * FROM history_heads").fetchall()
    (tmp_path / "new" / "operations.db").unlink()
    with sa.create_engine(url).begin() as opened:
        migrations.upgrade(opened, "0001")
    with sqlite3.connect(tmp_path / "new" / "operations.db") as connection:
        connection.executemany(f"INSERT INTO history ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        connection.executemany("INSERT INTO history_heads VALUES (?, ?, ?)", ends)
    operations = Operations(url, "one", keys=tmp_path / "keys")
    assert [(each.version, each.detail) for each in operations.history("m")] == [(7, {"canary": 5.0})]
    assert operations.verify() == ["one: none of its 1 rows is covered by a signature."]
    operations.record("traffic", "m", 8, {})
    assert operations.verify() == []


def test_a_current_database_is_opened_without_alembic(tmp_path: Path) -> None:
    """A short-lived process does not pay for migrations that are done."""
    Operations(_url(tmp_path))
    code = (
        "import sys; from cuelight.operations.database import Operations; Operations(sys.argv[1]);"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, _url(tmp_path)], check=False).returncode == 0


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    """A database that a newer Cuelight has changed is left alone, with a message that says so."""
    Operations(_url(tmp_path))
    with sqlite3.connect(tmp_path / "new" / "operations.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Misconfigured, match="newer than this Cuelight"):
        Operations(_url(tmp_path))


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "no url"])
def test_a_database_that_cannot_be_shared_is_refused(url: str) -> None:
    """SQLite in memory, or what is no URL, is a mistake in the settings and said to be one."""
    with pytest.raises(Misconfigured, match="operations_url"):
        Operations(url)


def test_reports_come_back_newest_first(tmp_path: Path) -> None:
    """Reports are kept as given, and found by model and version, the newest first."""
    operations = Operations(_url(tmp_path))
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
    """A damaged file, or a server's driver that is missing, is an error of ours that names the place and the cause."""
    (tmp_path / "operations.db").write_bytes(b"no database" * 1000)
    with pytest.raises(Unavailable, match=r"operations\.db can't be used: file is not a database\.$"):
        Operations(f"sqlite:///{tmp_path / 'operations.db'}")
    with pytest.raises(Misconfigured, match="driver that is not installed"):
        Operations("nonsense://user:secret@db/operations")
