"""`cuelight journal erase`."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cuelight.cli.journal import command
from cuelight.kit import secret
from cuelight.operations.database import Operations
from cuelight.protocol.redaction import HASH, Redactor
from tests.support.journal import prediction, write


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with predictions for Oslo, Rome, and a hashed Rome."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUELIGHT_HOME", str(tmp_path))
    monkeypatch.setenv("CUELIGHT_JOURNAL_RETENTION_DAYS", "100000")
    hashed = Redactor(HASH, secret.load_or_create(tmp_path / "keys")).text("city", "Rome")
    request = f'{{"dataframe_split":{{"columns":["x","city"],"data":[[1.0,"{hashed}"]]}}}}'.encode()
    rome = prediction(1, rows=[{"x": 1.0, "city": "Rome"}])
    hidden = prediction(2, rows=[{"x": 1.0}], request=request, redaction="hash", personal="city")
    write(tmp_path / "journal", prediction(0), rome, hidden)
    return tmp_path


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(command, ["erase", "m", *arguments])


def _lines(home: Path) -> list[dict[str, object]]:
    operations = Operations(f"sqlite:///{home / 'operations.db'}", "local")
    found = [dict(each.detail) for each in operations.history("m")]
    operations.close()
    return found


def test_what_is_erased_is_counted_and_told_without_the_value(home: Path) -> None:
    """Also what has the value's hash alone; to count first leaves all as it is, and no line in the history."""
    assert _run("--key", "city=Rome", "--dry-run").output == "It would erase 2 rows, 2 requests, 0 labels.\n"
    assert _lines(home) == []
    assert _run("--key", "city=Rome").output == "Erased 2 rows, 2 requests, 0 labels.\n"
    (line,) = _lines(home)
    assert (line["columns"], line["rows"], line["requests"]) == (["city"], 2, 2)
    assert "Rome" not in str(line)
    assert _run("--key", "city=Rome", "--dry-run").output == "It would erase 0 rows, 0 requests, 0 labels.\n"
    assert _run("--key", "city=Oslo", "--key", "x=0", "--dry-run").output.startswith("It would erase 1 rows")


def test_what_cannot_be_read_is_named(home: Path) -> None:
    """Where damaged records are in which nobody can look, the command says how many and where."""
    side = home / "journal" / "damaged" / "h" / "s.jsonl"
    side.parent.mkdir(parents=True)
    side.write_text('{"offset":0,"torn":false,"reason":"r","bytes":"T3Nsbw=="}\n')
    first, second = _run("--key", "city=Rome").output.splitlines()
    assert first == "Erased 2 rows, 2 requests, 0 labels."
    assert "1 damaged records can't be read" in second
    assert str(side.parent.parent) in second
    assert "the bytes of 1 damaged records" in _run("--key", "city=Oslo").output


@pytest.mark.parametrize("arguments", [(), ("--key", "city"), ("--key", "=Rome"), ("--key", "city=")])
def test_a_key_names_a_column_and_a_value(home: Path, arguments: tuple[str, ...]) -> None:
    """Nothing is erased by half a key."""
    result = _run(*arguments)
    assert result.exit_code == 2
    assert "COLUMN=VALUE" in result.output or "--key" in result.output
    assert (home / "journal" / "segments").exists()
