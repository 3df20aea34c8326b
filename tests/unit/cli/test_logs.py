from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from cuelight.cli.logs import command
from cuelight.kit.errors import BadInput, NotFound
from tests.support.journal import prediction, write

_STEERING = "\x1b]0;owned\x07\x1b[2J\r\n2026-01-01 forged \x9b31m\u202e"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with an answered, a refused and a failed request, not compacted yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUELIGHT_HOME", str(tmp_path))
    monkeypatch.setenv("CUELIGHT_JOURNAL_RETENTION_DAYS", "100000")
    records = [
        prediction(0),
        prediction(1, status=400, error=f"no {_STEERING}", caller=_STEERING, request=b"{", response=b"{}"),
        prediction(2, status=500, error="The model failed."),
    ]
    write(tmp_path / "journal", *records)
    return tmp_path


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(command, ["m", *arguments], catch_exceptions=False)


def test_lines_say_who_answered_and_what_was_wrong() -> None:
    """One line a request, the newest last; refused and failed ones with their error."""
    lines = _run().output.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["2023-11-15", "12:00:00.000", "200"],
        ["2023-11-15", "12:00:01.000", "400"],
        ["2023-11-15", "12:00:02.000", "500"],
    ]
    assert "version 1    Production champion     1 row        1.5 ms  p0  127.0.0.1" in lines[0]
    assert lines[2].endswith("Error: The model failed.")


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_no_text_of_a_caller_steers_the_terminal(arguments: list[str]) -> None:
    """Escape sequences, line ends and marks of direction in error and caller come as dots, or escaped."""
    output = _run(*arguments).output
    assert len(output.splitlines()) == 3
    assert all(each.isprintable() or each == "\n" for each in output)
    assert "forged" in output


def test_filters_narrow_the_lines() -> None:
    """By status, id and number; a status that is none is an error of usage."""
    found = [json.loads(line) for line in _run("--json", "--status", "4xx").output.splitlines()]
    assert [each["prediction_id"] for each in found] == ["p1"]
    assert " p2 " in _run("--id", "r2").output
    assert _run("--limit", "1", "--until", "2023-11-15T12:00:02").output.split()[2] == "400"
    assert _run("--status", "999").exit_code == 2


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_a_window_becomes_a_file(home: Path, ending: str) -> None:
    """Predicted rows with inputs and answers, or requests with their bodies, compacted before."""
    assert _run("--output", f"rows.{ending}").output == f"rows.{ending} holds 1 rows.\n"
    assert _run("--output", f"all.{ending}", "--requests").output == f"all.{ending} holds 3 requests.\n"
    if ending == "parquet":
        assert pq.read_table(home / "rows.parquet").to_pylist()[0]["output.prediction"] == 1.0
    else:
        assert "output.prediction" in (home / f"rows.{ending}").read_text()


def test_nothing_found_says_what_there_is() -> None:
    """A model without requests, a window without any, and an ending that is none of ours are errors."""
    with pytest.raises(NotFound, match="no such requests to 'm'"):
        _run("--version", "9")
    with pytest.raises(NotFound, match="no such requests to 'other'; it has requests to: none"):
        CliRunner().invoke(command, ["other"], catch_exceptions=False)
    with pytest.raises(BadInput, match="must end in"):
        _run("--output", "rows.xlsx")
    assert _run("--requests").exit_code == 2
    assert _run("--output", "rows.csv", "--follow").exit_code == 2


def test_following_goes_on_with_what_comes(home: Path) -> None:
    """The newest come first, then each as it is recorded; a closed pipe ends it."""
    code = "import sys; from cuelight.cli.logs import command; command(sys.argv[1:])"
    arguments = [sys.executable, "-u", "-c", code, "m", "--follow", "--limit", "1"]
    with subprocess.Popen(arguments, env=os.environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert " p2 " in process.stdout.readline()
        write(home / "journal", prediction(3))
        assert " p3 " in process.stdout.readline()
        process.terminate()
