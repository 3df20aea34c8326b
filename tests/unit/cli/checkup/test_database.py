from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from cuelight.cli.checkup import database, postgres
from cuelight.cli.checkup.finding import Finding, State
from cuelight.cli.checkup.postgres import Server
from cuelight.cli.checkup.scene import Scene
from cuelight.kit.settings import Settings
from cuelight.operations import schema
from cuelight.operations.database import Operations
from tests.support.postgres import Postgres


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation with a database that holds a line."""
    settings = Settings(home=tmp_path)
    operations = Operations(settings.operations_url)
    for number in range(200):
        operations.record("switched", "m", number, {"why": "stage" * 20})
    operations.close()
    return settings


def looked_at(settings: Settings) -> list[Finding]:
    """What is found."""
    return list(database.findings(Scene(settings)))


def set_revision(settings: Settings, revision: str) -> None:
    """Have the database say that it has another schema."""
    engine = sa.create_engine(settings.operations_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :it"), {"it": revision})
    engine.dispose()


def test_one_that_is_well(settings: Settings) -> None:
    """Its schema, and that it can be read and written."""
    assert [each.state for each in looked_at(settings)] == [State.OK, State.OK]


def test_none_yet_is_none_made_by_looking(tmp_path: Path) -> None:
    """It is a note."""
    assert [each.state for each in looked_at(Settings(home=tmp_path))] == [State.NOTE]
    assert list(tmp_path.iterdir()) == []


def test_an_older_schema_stays_as_it_is(settings: Settings) -> None:
    """A warning says what brings it forward; looking does not."""
    set_revision(settings, "0003")
    first = looked_at(settings)[0]
    assert (first.state, "cuelight history" in first.mend) == (State.WARNING, True)
    assert "0003" in looked_at(settings)[0].says


def test_a_newer_schema_wants_a_newer_cuelight(settings: Settings) -> None:
    """It was brought forward elsewhere."""
    set_revision(settings, f"{int(schema.NEWEST) + 1:04}")
    first = looked_at(settings)[0]
    assert (first.state, "Upgrade Cuelight" in first.mend) == (State.FAULT, True)


@pytest.mark.parametrize("part", ["head", "page"])
def test_a_damaged_file(part: str, settings: Settings) -> None:
    """Overwritten at its head it is no database; a page overwritten within is found by SQLite's own check."""
    path = settings.home / "operations.db"
    content = bytearray(path.read_bytes())
    start = 0 if part == "head" else 3 * 4096
    content[start : start + 2048] = b"\xff" * 2048
    path.write_bytes(content)
    found = looked_at(settings)
    assert [each.state for each in found] == [State.FAULT]
    assert found[0].mend


@pytest.mark.parametrize("url", ["nonsense", "nosuch://host/db", "postgresql://127.0.0.1:1/db"])
def test_an_address_that_can_t_be_used(url: str, tmp_path: Path) -> None:
    """The line names what is wrong with it, or the setting."""
    (found,) = looked_at(Settings(home=tmp_path, database_url=url))
    assert found.state == State.FAULT
    assert "database" in found.says
    assert found.mend


def test_a_postgresql_that_is_well(postgres_server: Postgres, tmp_path: Path) -> None:
    """With no table in it, and with all of them."""
    settings = Settings(home=tmp_path, database_url=postgres_server.emptied())
    assert [each.state for each in looked_at(settings)] == [State.OK, State.WARNING, State.OK]
    Operations(settings.operations_url).close()
    assert [each.state for each in looked_at(settings)] == [State.OK, State.OK, State.OK]


@pytest.mark.parametrize(
    ("server", "says"),
    [
        (Server(18, True, True, True), ["standby"]),
        (Server(18, False, False, True), ["operations' tables"]),
        (Server(18, False, True, False), ["MLflow's tables"]),
        (Server(12, False, True, True), ["PostgreSQL 12"]),
    ],
)
def test_what_a_postgresql_lacks_is_said_with_what_mends_it(server: Server, says: list[str]) -> None:
    """A standby, missing rights, an old release; MLflow's rights matter where its tables are there."""
    found = list(postgres.findings(server, with_mlflow=True))
    assert all(part in each.says for part, each in zip(says, found, strict=True))
    assert all(each.mend for each in found if each.state != State.OK)
    if not server.theirs:
        assert [each.state for each in postgres.findings(server, with_mlflow=False)] == [State.OK]
