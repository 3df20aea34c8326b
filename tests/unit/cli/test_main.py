from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cuelight.cli import main
from cuelight.kit.errors import Busy, NotFound

_INTERNAL = ("follow", "serve", "compact", "gateway", "board", "mlflow")


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_has_a_help_text(name: str) -> None:
    """Each command of the table is there, and its help says in a sentence what it does."""
    command = importlib.import_module(f"cuelight.cli.{name}").command
    assert isinstance(command, click.Command)
    assert (command.help or "").split("\n")[0].endswith((".", ":"))
    result = CliRunner().invoke(main.cuelight, [name, "--help"])
    assert (result.exit_code, "Usage:" in result.output) == (0, True)


def test_the_list_shows_what_people_use() -> None:
    """Programs that `up` starts are not in the list; an unknown command is a mistake of usage."""
    result = CliRunner().invoke(main.cuelight, ["--help"])
    assert all(f"  {name} " in result.output for name in main.COMMANDS if name not in _INTERNAL)
    assert not any(f"  {name} " in result.output for name in _INTERNAL)
    assert CliRunner().invoke(main.cuelight, ["nonsense"]).exit_code == 2


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["statsu"], "status"),
        (["Promot"], "promote"),
        (["token", "lst"], "list"),
        (["history", "--sinse", "1h"], "--since"),
        (["nonsense"], "cuelight --help"),
    ],
)
def test_what_was_meant_is_guessed(typed: list[str], meant: str) -> None:
    """Of commands and options that there are not, the nearest one is named, and the exit code is 2."""
    result = CliRunner().invoke(main.cuelight, typed)
    assert result.exit_code == 2
    assert meant in result.output.splitlines()[-1]


def test_an_error_of_ours_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What a person can act on comes without a traceback, and with exit code 1."""

    def fail() -> None:
        raise NotFound("There is no such model.")

    monkeypatch.setattr(main, "cuelight", fail)
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert caught.value.code == 1
    assert capsys.readouterr().err == "cuelight: There is no such model.\n"


def test_work_that_another_process_is_at_has_a_code_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """75, EX_TEMPFAIL: what starts commands can tell it from a failure."""

    def fail() -> None:
        raise Busy("Another process is at work.")

    monkeypatch.setattr(main, "cuelight", fail)
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert caught.value.code == 75


def test_a_folder_that_cant_be_made_is_one_line(tmp_path: Path) -> None:
    """A home that can't be used is named, without a traceback, and with exit code 1."""
    (tmp_path / "file").touch()
    command = [sys.executable, "-m", "cuelight.cli", "history"]
    environment = {**os.environ, "CUELIGHT_HOME": str(tmp_path / "file" / "home")}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr == f"cuelight: [Errno 20] Not a directory: '{tmp_path}/file/home'\n"


_STOPPED = """
import signal
from cuelight.cli import main
def work():
    try:
        print("at work", flush=True)
        signal.pause()
    finally:
        print("lease given back")
main.cuelight = work
main.main()
"""


def test_a_command_that_is_told_to_stop_unwinds() -> None:
    """SIGTERM ends a command as Ctrl-C does: what it holds is given back, and the exit code tells of the signal."""
    process = subprocess.Popen([sys.executable, "-c", _STOPPED], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "at work\n"
    process.terminate()
    assert process.communicate(timeout=30)[0] == "lease given back\n"
    assert process.returncode == 128 + signal.SIGTERM


_LIGHT = """
import sys
from cuelight.cli.main import cuelight
try:
    cuelight(["--help"])
except SystemExit:
    pass
print(sorted({"mlflow", "pandas", "evidently", "sklearn", "rich", "cuelight.cli.up"} & set(sys.modules)))
"""


def test_the_list_of_commands_imports_nothing_heavy() -> None:
    """`cuelight --help` is there at once: no command is imported to list it, let alone MLflow, pandas or Evidently."""
    result = subprocess.run([sys.executable, "-c", _LIGHT], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"
