from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from cuelight.cli.history import command
from cuelight.kit.errors import NotFound
from cuelight.operations.database import Operations


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with three events in its history."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUELIGHT_HOME", str(tmp_path))
    operations = Operations(f"sqlite:///{tmp_path / 'operations.db'}", keys=tmp_path / "keys")
    operations.record("promoted", "m", 2, {"why": "[bold]alias[/bold]"}, at=1_700_000_000.0)
    operations.record("refused", "m", 3, {}, at=1_700_000_100.0)
    operations.record("promoted", "other", 1, {})
    operations.close()
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
    whole = CliRunner().invoke(command, ["--verify"])
    assert whole.exit_code == 0
    assert "local is signed up to row 3" in whole.output
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE history SET version = 9 WHERE id = 2")
    broken = CliRunner().invoke(command, ["--verify"])
    assert broken.exit_code == 1
    assert "row 2 was changed" in broken.output


def test_heads_kept_elsewhere_show_what_was_cut(database: Path, tmp_path: Path) -> None:
    """--save-heads writes them; with --heads, --verify finds a cut that took the signatures along."""
    kept = str(tmp_path / "heads.jsonl")
    assert "holds 1 signed heads" in CliRunner().invoke(command, ["--save-heads", kept]).output
    with sqlite3.connect(database) as connection:
        connection.execute("DELETE FROM history WHERE sequence > 1")
        connection.execute("DELETE FROM signed_heads WHERE sequence > 1")
        connection.execute("UPDATE history_heads SET sequence = 1, hash = (SELECT hash FROM history)")
    assert CliRunner().invoke(command, ["--verify"]).exit_code == 0
    cut = CliRunner().invoke(command, ["--verify", "--heads", kept])
    assert (cut.exit_code, "ends in row 1, but row 3 was signed" in cut.output) == (1, True)
    assert CliRunner().invoke(command, ["--heads", kept]).exit_code == 2


def test_who_was_in_charge_at_a_moment(database: Path, tmp_path: Path) -> None:
    """--at shows each host's tracks and shares of then; before its first line, and for no model, it says so."""
    for host, start in (("one", 0.0), ("two", 50.0)):
        operations = Operations(f"sqlite:///{database}", host, keys=tmp_path / "keys")
        for version, at in ((1, 1_000.0), (2, 2_000.0)):
            detail = {"track": "Production", "before": None, "why": "stage", "generation": version, "run_id": "r"}
            operations.record("switched", "m", version, detail, at=at + start)
        operations.record("traffic", "m", 3, {"canary": 10.0, "shadow": 0.0, "generation": 3}, at=3_000.0 + start)

    def said(*arguments: str) -> str:
        return CliRunner().invoke(command, [*arguments], env={"COLUMNS": "200"}).output

    between = json.loads(said("m", "--at", "1970-01-01T00:33:30", "--json"))
    assert {each["host"]: each["tracks"]["Production"]["version"] for each in between["hosts"]} == {"one": 2, "two": 1}
    assert between["at"] == 2_010.0
    later = said("m", "--at", "1970-01-01T01:00")
    assert "two   Production  2        1970-01-01 00:34:10  stage" in later
    assert "one: canary 10 %, shadow 0 %, control 0 %, since 1970-01-01 00:50:00" in later
    assert "its history begins at 1970-01-01 00:16:40" in said("m", "--at", "1970-01-01")
    assert isinstance(CliRunner().invoke(command, ["nobody", "--at", "1h"]).exception, NotFound)
    assert CliRunner().invoke(command, ["--at", "1h"]).exit_code == 2
