from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cuelight.cli.doctor import CHECKS, command
from cuelight.kit.signing import SigningKey
from tests.support.ports import free_port


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new installation with ports of its own."""
    first = free_port(5)
    for number, name in enumerate(("SERVING", "MLFLOW", "GATEWAY", "GATEWAY_ADMIN", "BOARD")):
        monkeypatch.setenv(f"CUELIGHT_{name}_PORT", str(first + number))
    monkeypatch.setenv("CUELIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CUELIGHT_SERVING_STORE_BYTES", "1000")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def asked(*arguments: str) -> Result:
    """`cuelight doctor` with these."""
    return CliRunner().invoke(command, arguments, env={"COLUMNS": "120"})


def document(result: Result) -> dict[str, Any]:
    """What it prints by `--json`."""
    found: dict[str, Any] = json.loads(result.output)
    return found


def test_a_new_installation_is_well_and_stays_untouched(home: Path) -> None:
    """Every part has a line, the exit code is 0, and looking makes nothing."""
    result = asked("--json")
    assert result.exit_code == 0, result.output
    assert document(result)["well"]
    assert list(dict.fromkeys(each["part"] for each in document(result)["findings"])) == list(CHECKS)
    assert not home.exists()


def test_a_fault_says_what_mends_it(home: Path) -> None:
    """The exit code is 10, for people and for programs; what it says to do makes it well."""
    SigningKey.load_or_create(home / "keys")
    (home / "keys" / "signing.pem").chmod(0o640)
    result = asked()
    assert result.exit_code == 10
    assert f"chmod 600 {home / 'keys' / 'signing.pem'}" in result.output
    assert "1 fault, no warnings." in result.output
    faults = [each for each in document(asked("--json"))["findings"] if each["state"] == "fault"]
    assert [each["part"] for each in faults] == ["keys"]
    (home / "keys" / "signing.pem").chmod(0o600)
    assert asked().exit_code == 0


def test_settings_that_can_t_be_read_are_a_finding(home: Path) -> None:
    """A slip in the file is said like any other fault, and nothing else can be looked at."""
    Path("cuelight.toml").write_text("[serving]\nprot = 1\n")
    result = asked("--json")
    assert result.exit_code == 10
    (found,) = document(result)["findings"]
    assert (found["part"], "serving.prot" in found["says"], bool(found["mend"])) == ("settings", True, True)


def test_what_can_t_be_looked_at_stops_nothing_else(home: Path) -> None:
    """A file in the way of one check is its fault; the others go on."""
    home.mkdir()
    (home / "replicas.json").write_text("nonsense")
    found = document(asked("--json"))["findings"]
    assert {"ports", "store"} <= {each["part"] for each in found if each["state"] == "fault"}
    assert found[-1]["part"] == "clocks"
