from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from cuelight.cli.history import command, parse_since
from cuelight.kit.errors import BadInput
from cuelight.operations.database import Operations


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with three events in its history."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUELIGHT_HOME", str(tmp_path))
    operations = Operations(f"sqlite:///{tmp_path / 'operations.db'}")
    operations.record("promoted", "m", 2, {"why": "[bold]alias[/bold]"}, at=1_700_000_000.0)
    operations.record("refused", "m", 3, {}, at=1_700_000_100.0)
    operations.record("promoted", "other", 1, {})
    return tmp_path / "operations.db"


def test_events_are_a_table_for_people(database: Path) -> None:
    """The table shows time, kind, version and detail as they are, and only the model asked for."""
    output = CliRunner().invoke(command, ["m"], env={"COLUMNS": "200"}).output
    assert "2023-11-14 22:13:20" in output
    assert "why: [bold]alias[/bold]" in output
    assert "other" not in output
    assert "Nothing has happened yet." in CliRunner().invoke(command, ["nobody"]).output


def test_events_are_json_for_programs(database: Path) -> None:
    """With --json each line is one event; --since and --limit leave out the older ones."""
    lines = [json.loads(line) for line in CliRunner().invoke(command, ["--json"]).output.splitlines()]
    assert [(each["kind"], each["model"], each["version"]) for each in lines] == [
        ("promoted", "m", 2),
        ("refused", "m", 3),
        ("promoted", "other", 1),
    ]
    recent = CliRunner().invoke(command, ["--json", "--since", "1h"]).output
    assert [json.loads(line)["model"] for line in recent.splitlines()] == ["other"]
    newest = CliRunner().invoke(command, ["m", "--json", "--limit", "1"]).output
    assert [json.loads(line)["version"] for line in newest.splitlines()] == [3]


def test_a_broken_chain_is_an_exit_code(database: Path) -> None:
    """--verify ends with 0 for a whole history, and with 1 and the row's number for a changed one."""
    assert CliRunner().invoke(command, ["--verify"]).exit_code == 0
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE history SET version = 9 WHERE id = 2")
    broken = CliRunner().invoke(command, ["--verify"])
    assert broken.exit_code == 1
    assert "row 2 was changed" in broken.output


def test_a_moment_is_an_age_or_a_time() -> None:
    """--since takes ages and ISO times, UTC unless they say, and refuses all else."""
    assert parse_since("90s", 100.0) == 10.0
    assert parse_since("1d", 86_400.0) == 0.0
    assert parse_since("1970-01-01T00:01", 0.0) == 60.0
    assert parse_since("1970-01-01T01:01+01:00", 0.0) == 60.0
    with pytest.raises(BadInput, match="--since yesterday"):
        parse_since("yesterday", 0.0)
