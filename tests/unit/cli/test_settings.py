from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cuelight.cli.settings import command
from cuelight.kit.settings import table


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


def test_every_setting_is_listed_with_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a table for people, as JSON for programs; square brackets in a value are just that."""
    monkeypatch.setenv("CUELIGHT_SERVING_PORT", "8123")
    monkeypatch.setenv("CUELIGHT_HOST_NAME", "a[/b]")
    shown = CliRunner().invoke(command).output
    assert all(row.key in shown for row in table())
    assert "8123" in shown
    assert "a[/b]" in shown
    values = json.loads(CliRunner().invoke(command, ["--json"]).output)
    assert (values["serving_port"], set(values)) == ("8123", {row.name for row in table()})


def test_no_password_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the registry's, nor one within an address."""
    monkeypatch.setenv("CUELIGHT_REGISTRY_PASSWORD", "s3cret")
    monkeypatch.setenv("CUELIGHT_DATABASE_URL", "postgresql://me:s3cret@db/x?password=s3cret&sslmode=require")
    for arguments in ([], ["--json"]):
        output = CliRunner().invoke(command, arguments).output
        assert "s3cret" not in output
        assert "postgresql://me:***@db/x?password=***&sslmode=require" in output.replace("\n", "")
