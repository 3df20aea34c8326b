from __future__ import annotations

import importlib
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from cuelight.cli import main
from cuelight.kit.errors import NotFound


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_has_a_help_text(name: str) -> None:
    """Each command of the table is there, and its help says in a sentence what it does."""
    command = importlib.import_module(f"cuelight.cli.{main.COMMANDS[name]}").command
    assert isinstance(command, click.Command)
    assert (command.help or "").split("\n")[0].endswith((".", ":"))
    result = CliRunner().invoke(main.cuelight, [name, "--help"])
    assert (result.exit_code, "Usage:" in result.output) == (0, True)


def test_the_list_shows_what_people_use() -> None:
    """Programs that `up` starts are not in the list; an unknown command is a mistake of usage."""
    result = CliRunner().invoke(main.cuelight, ["--help"])
    assert all(f"  {name} " in result.output for name in main.COMMANDS if name not in main._INTERNAL)
    assert not any(f"  {name} " in result.output for name in main._INTERNAL)
    assert CliRunner().invoke(main.cuelight, ["nonsense"]).exit_code == 2


def test_an_error_of_ours_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What a person can act on comes without a traceback, and with exit code 1."""

    def fail() -> None:
        raise NotFound("There is no such model.")

    monkeypatch.setattr(main, "cuelight", fail)
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert caught.value.code == 1
    assert capsys.readouterr().err == "cuelight: There is no such model.\n"


_LIGHT = """
import sys
from cuelight.cli.main import cuelight
try:
    cuelight(["--help"])
except SystemExit:
    pass
print(sorted({"mlflow", "pandas", "evidently", "sklearn"} & set(sys.modules)))
"""


def test_the_list_of_commands_imports_nothing_heavy() -> None:
    """`cuelight --help` is there at once: MLflow, pandas and Evidently are imported when they are needed."""
    result = subprocess.run([sys.executable, "-c", _LIGHT], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"
