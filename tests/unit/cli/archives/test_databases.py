"""Tables from a backup: all of them or none, and what is not there yet may be tried again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from cuelight.cli.archives import databases
from cuelight.cli.archives.databases import MLFLOW, OPERATIONS, Address
from cuelight.kit.errors import BadInput, Misconfigured, Unavailable
from cuelight.operations import migrations, postgres
from cuelight.registry import server_database
from tests.support.postgres import Postgres

GOOD = {
    OPERATIONS: ("history_heads", {"writer": "one\0", "sequence": 3_000_000_000, "hash": "h"}),
    MLFLOW: ("registered_models", {"name": "m\0", "creation_time": 1, "last_updated_time": 2, "description": ""}),
}


@pytest.mark.parametrize("name", [OPERATIONS, MLFLOW])
def test_what_fails_leaves_nothing_and_the_next_try_is_the_first(postgres_server: Postgres, name: str) -> None:
    """A row that does not fit, and a fault after all rows: the database is empty as before. Then it succeeds."""
    address = Address(name, postgres.address(postgres_server.url()))
    newest = (server_database.revisions() if name == MLFLOW else migrations.revisions())[0]
    table, row = GOOD[name]
    given = [[*row], [*row.values()]]
    twice = [*given, given[1]]
    with pytest.raises(BadInput, match=table), databases.filled(address, newest, content(table, twice)):
        pytest.fail("a key may be there once")
    databases.must_be_empty(address)
    with pytest.raises(OSError, match="full"), databases.filled(address, newest, content(table, given)):
        raise OSError("the disk is full")
    databases.must_be_empty(address)
    with databases.filled(address, newest, content(table, given)):
        databases.must_be_empty(address)  # nobody sees half of it
    with pytest.raises(Misconfigured, match="dropdb"):
        databases.must_be_empty(address)
    with address.engine().connect() as connection:
        (there,) = (each for each in databases.tables(connection) if each.name == table)
        names, kept = map(json.loads, databases.lines(connection, there))
    assert (
        dict(zip(names, kept, strict=True)).items()
        >= {
            each: value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value
            for each, value in row.items()
        }.items()
    )


@pytest.mark.parametrize(("name", "schema"), [(OPERATIONS, postgres.SCHEMA), (MLFLOW, "public")])
def test_tables_of_others_are_no_empty_database(postgres_server: Postgres, name: str, schema: str) -> None:
    """They are named; a restore into them would take their rows for what a new schema begins with."""
    address = Address(name, postgres.address(postgres_server.url()))
    with address.engine().begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        connection.exec_driver_sql(f"CREATE TABLE {schema}.customers (name text)")
    with pytest.raises(Misconfigured, match="somebody else's, such as customers"):
        databases.must_be_empty(address)


def test_tables_that_the_schema_does_not_have_are_left_out(tmp_path: Path) -> None:
    """Somebody else's are in a backup where they share the database: it can be restored all the same."""
    address = Address(OPERATIONS, sa.URL.create("sqlite", database=str(tmp_path / "new.db")))
    table, row = GOOD[OPERATIONS]
    given = [*content("theirs", [["a"], [1], [2]]), *content(table, [[*row], [*row.values()]])]
    with databases.filled(address, migrations.revisions()[0], given) as left:
        assert left == ["theirs"]
    with address.engine().connect() as connection:
        assert "theirs" not in {each.name for each in databases.tables(connection)}
        (count,) = connection.execute(sa.text(f"SELECT count(*) FROM {table}")).one()
    assert count == 1


def test_a_file_that_can_not_be_copied_is_told(tmp_path: Path) -> None:
    """One that is damaged; a name with signs of a URL in it is a name; and the copy is for the same people."""
    folder = tmp_path / "50%41#1?x"
    folder.mkdir()
    (folder / "broken.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    with pytest.raises(Unavailable, match=r"broken\.db can't be copied to"):
        databases.copy_file(folder / "broken.db", tmp_path / "copy.db")
    with closing(sqlite3.connect(folder / "whole.db")) as whole:
        whole.execute("CREATE TABLE t (a)")
    (folder / "whole.db").chmod(0o600)
    databases.copy_file(folder / "whole.db", tmp_path / "second.db")
    with closing(sqlite3.connect(tmp_path / "second.db")) as copy:
        assert copy.execute("SELECT name FROM sqlite_master").fetchall() == [("t",)]
    assert (tmp_path / "second.db").stat().st_mode & 0o777 == 0o600


def content(table: str, lines: Sequence[object]) -> list[tuple[str, Iterator[bytes]]]:
    """As an archive gives it."""
    return [(table, iter([json.dumps(each).encode() for each in lines]))]
