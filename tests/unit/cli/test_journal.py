"""`cuelight journal`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cuelight.cli.journal import command
from cuelight.journal.archive import Terms
from cuelight.journal.compactor import Compactor
from cuelight.journal.query import Journal, Query
from cuelight.kit import secret
from cuelight.kit.errors import Misconfigured
from cuelight.operations.database import Operations
from cuelight.protocol.redaction import HASH, Redactor
from tests.support.journal import prediction, write
from tests.support.ports import free_port


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


@pytest.fixture
def lost(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, archived and lost; the history is kept, and what wrote it."""
    archive = home / "archive"
    archive.mkdir()
    monkeypatch.setenv("CUELIGHT_JOURNAL_ARCHIVE", str(archive))
    monkeypatch.setenv("CUELIGHT_HOST_NAME", "h")
    Compactor(home / "journal", retention_days=1e5, archive=Terms(str(archive))).run_once()
    shutil.rmtree(home / "journal")
    return archive


def _adopt(*arguments: str) -> Result:
    return CliRunner().invoke(command, ["adopt", *arguments])


def test_what_is_in_the_archive_is_adopted_and_told(lost: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As sentences, or as JSON; other hosts' by their names."""
    size = sum(path.stat().st_size for path in lost.rglob("*.parquet"))
    told = f"files of 2023-11-15 to 2023-11-15 from {lost}, {size:,} bytes; 0 were known here.\n"
    assert _adopt("--dry-run").output == f"It would adopt 2 {told}"
    monkeypatch.setenv("CUELIGHT_HOST_NAME", "other")
    result = _adopt()
    assert (result.exit_code, Journal(home / "journal").size(Query("m")).rows) == (0, 0)
    assert "2 files are of other hosts: h. If they were of this journal" in result.output
    monkeypatch.setenv("CUELIGHT_JOURNAL_RETENTION_DAYS", "90")
    assert "2 files are of days before 20" in _adopt("--host", "h").output
    monkeypatch.setenv("CUELIGHT_JOURNAL_RETENTION_DAYS", "100000")
    assert _adopt("--host", "[a-h]*").output == f"Adopted 2 {told}"
    assert Journal(home / "journal").size(Query("m")).rows == 3
    found = json.loads(_adopt("--json").output)
    assert found == {
        "archive": str(lost),
        "dry_run": False,
        "files": 0,
        "bytes": 0,
        "days": [],
        "known": 2,
        "others": {},
        "expired": 0,
        "differing": [],
        "doubled": [],
        "refused": {},
        "erase_again": [],
    }


def test_what_somebody_should_look_at_ends_with_10(lost: Path) -> None:
    """Each by its name, with what is to be done."""
    (rows,) = lost.glob("rows/*/*/*/*")
    other = rows.with_name(rows.name.replace(rows.name.split(".")[-2], "0" * 16))
    shutil.copy(rows, other)
    for number in range(11):
        (lost / "labels" / f"{number:02}").parent.mkdir(exist_ok=True)
        (lost / "labels" / f"{number:02}").write_text("?")
    result = _adopt()
    assert result.exit_code == 10
    assert "1 objects are of files that have other content here" in result.output
    assert "Passed by: labels/00: no file of the journal is called so." in result.output
    assert result.output.endswith("And 1 more (--json).\n")


def test_without_an_archive_there_is_nothing_to_adopt(home: Path) -> None:
    """The setting is named."""
    with pytest.raises(Misconfigured, match=r"journal\.archive \(CUELIGHT_JOURNAL_ARCHIVE\)"):
        CliRunner().invoke(command, ["adopt"], catch_exceptions=False)


def test_an_erasure_that_the_archive_escaped_is_to_be_done_again(lost: Path, home: Path) -> None:
    """What nothing here names is not searched: the erasure says so, the history does, and whoever adopts it is told."""
    said = _run("--key", "city=Rome").output
    assert said.startswith("Erased 0 rows")
    assert "2 objects of m in the archive are not known here, and were not searched, such as requests/model=m/" in said
    (line,) = _lines(home)
    assert line["unsearched"] == 2
    adopted = _adopt().output
    assert "Somebody was erased from m on " in adopted
    assert adopted.endswith("and not from what is in the archive since: erase again, by city.\n")
    (again,) = json.loads(_adopt("--json").output)["erase_again"]
    assert (again["model"], again["columns"]) == ("m", ["city"])
    said = _run("--key", "city=Rome").output
    assert said == "Erased 2 rows, 2 requests, 0 labels.\n"


def test_days_are_adopted_while_the_database_is_away(lost: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the history would say is not known then, which is told."""
    monkeypatch.setenv("CUELIGHT_DATABASE_URL", f"postgresql://cuelight@127.0.0.1:{free_port()}/cuelight")
    result = _adopt()
    assert (result.exit_code, result.stdout.startswith("Adopted 2 files")) == (0, True)
    assert result.stderr.startswith("The history can't be read, so whether to erase somebody again is not known: ")
