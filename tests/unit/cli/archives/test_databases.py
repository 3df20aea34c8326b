"""Tables from a backup: all of them or none, and what is not there yet may be tried again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pytest

from cuelight.cli.archives import databases
from cuelight.cli.archives.databases import MLFLOW, OPERATIONS, Address
from cuelight.kit.errors import BadInput, Misconfigured
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


def content(table: str, lines: Sequence[object]) -> list[tuple[str, Iterator[bytes]]]:
    """As an archive gives it."""
    return [(table, iter([json.dumps(each).encode() for each in lines]))]
