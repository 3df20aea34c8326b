"""Databases of every older schema, with rows in each table, brought forward."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from cuelight.operations import migrations, schema
from cuelight.operations.database import Operations
from cuelight.operations.reports import Report
from tests.support import tampering
from tests.unit.operations.test_database import begin

REVISIONS = sorted(migrations.revisions())
WIDE = 3_000_000_000  # more than 32 bits hold


@pytest.mark.parametrize("revision", REVISIONS)
def test_what_is_there_is_there_afterwards(new_url: str, revision: str) -> None:
    """Two rows in each table that the schema has: each of their values, and the next number is a new one."""
    with tampering.opened(new_url) as connection:
        begin(connection, revision)
        for table in reversed(tables(connection)):
            connection.execute(sa.delete(table))  # a step may have made a row
        for table in tables(connection):
            connection.execute(sa.insert(table), [row(table, number) for number in (1, 2)])
        known = {table.name: rows(connection, table) for table in tables(connection)}
        if connection.dialect.name == "postgresql":  # as many rows were numbered by it
            connection.execute(sa.text("SELECT setval('reports_id_seq', 2)"))
    assert all(len(each) == 2 for each in known.values())
    operations = Operations(new_url)
    with tampering.opened(new_url) as connection:
        now = {table.name: rows(connection, table) for table in tables(connection)}
    for name, before in known.items():
        assert [{column: after[column] for column in each} for each, after in zip(before, now[name], strict=True)] == (
            before
        ), name
    operations.add_report(Report("new", None, 1.0, None, None, 0, "ok", ""))
    assert len(operations.reports("new")) == 1
    operations.close()


def tables(connection: sa.Connection) -> list[sa.Table]:
    """All but Alembic's, those that others refer to first."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    return [each for each in metadata.sorted_tables if each.name != "alembic_version"]


def row(table: sa.Table, number: int) -> dict[str, Any]:
    """A value for each column, another one for each number; what refers to a row, refers to that one."""
    kinds: list[tuple[type[Any], Any]] = [
        (sa.Boolean, number == 1),
        (sa.JSON, {"number": number, "texts": ["ü", ""]}),
        (sa.Integer, number),
        (sa.Float, number + 0.1),
        (sa.String, f"{number} ü"),
    ]
    return {each.name: next(value for kind, value in kinds if isinstance(each.type, kind)) for each in table.columns}


def rows(connection: sa.Connection, table: sa.Table) -> list[dict[str, Any]]:
    """In the order of their keys."""
    return [dict(each) for each in connection.execute(sa.select(table).order_by(*table.primary_key)).mappings()]


def test_numbers_may_be_wider_than_32_bits(url: str) -> None:
    """What counts for ever goes on after that many; the database numbers rows beyond it, too."""
    operations = Operations(url)
    operations.record("traffic", "m", 1, {}, at=1.0)
    with tampering.opened(url) as connection:
        connection.execute(sa.update(schema.history).values(id=WIDE, sequence=WIDE))
        connection.execute(sa.update(schema.heads).values(sequence=WIDE))
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text(f"SELECT setval('history_id_seq', {WIDE})"))
    operations.record("traffic", "m", 2, {}, at=2.0)
    assert [(each.id, each.sequence) for each in operations.history()] == [(WIDE, WIDE), (WIDE + 1, WIDE + 1)]
    operations.add_report(Report("m", 1, 1.0, None, None, WIDE, "ok", ""))
    assert operations.reports("m")[0].rows == WIDE
    operations.close()


def test_a_text_with_nul_breaks_nobody(url: str) -> None:
    """It is kept with another sign in its place, is found again as it was given, and the chain holds."""
    operations = Operations(url)
    operations.record("traffic", "a\0b", 1, {"why": "c\0d"}, at=1.0)
    assert operations.request_retrain("a\0b", 1, "e\0f", {"g": "h\0i"}, 2.0)
    assert operations.request_retrain("a\0b", 1, "again", {}, 3.0) is None  # one is open
    event, asked = operations.history("a\0b")
    assert asked.detail["reason"] == "e\0f"
    assert (event.model, event.detail["why"]) == ("a\N{REPLACEMENT CHARACTER}b", "c\0d")
    assert operations.retrains("a\0b")[0].reason == "e\N{REPLACEMENT CHARACTER}f"
    assert operations.verify() == []
    operations.close()
