from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cuelight.cli import compose, drain
from cuelight.kit.errors import Misconfigured, Unavailable
from cuelight.kit.settings import Settings
from cuelight.operations.database import Operations
from cuelight.operations.host import Record
from cuelight.serving.host.places import Places


def test_here_is_the_server_of_this_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told where a server runs; where none does, that is said."""
    monkeypatch.setenv("CUELIGHT_HOME", str(tmp_path))
    monkeypatch.setenv("CUELIGHT_GATEWAY_HEALTH_SECONDS", "0.01")
    leaving = Places(Settings(home=tmp_path).serving_folder).leaving
    nobody = CliRunner().invoke(drain.command, ["--here"])
    assert isinstance(nobody.exception, Unavailable)
    leaving.parent.mkdir(parents=True)
    assert CliRunner().invoke(drain.command, ["--here"]).exit_code == 0
    assert leaving.exists()


@pytest.mark.parametrize("words", [[], ["replica-1", "--here"], ["--here", "--undo"], ["--here", "--json"]])
def test_either_a_replica_or_here(words: list[str]) -> None:
    """Neither, or both, or what goes with the other, is a mistake of usage."""
    assert CliRunner().invoke(drain.command, words).exit_code == 2


def test_a_host_elsewhere_is_drained_and_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the table, but not the last one; while that can't be read, nobody knows which hosts there are."""
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    settings = Settings(home=tmp_path / "home", database_url=url, gateway_port=0, hosts_heartbeat_seconds=0.01)
    monkeypatch.setattr(compose, "settings", lambda: settings)
    operations = Operations(url)
    for name in ("a", "b"):
        record = Record(name=name, folder=name, address="10.0.0.7", port=8000)
        assert operations.beat(record, lambda mine, _: mine, 15.0, candidate=False)

    def drained() -> list[str]:
        return [each.name for each in operations.hosts() if each.draining]

    said = CliRunner().invoke(drain.command, ["b"])
    assert (said.exit_code, said.output) == (0, "b is drained. It runs elsewhere, and was not stopped.\n")
    assert drained() == ["b"]
    assert isinstance(CliRunner().invoke(drain.command, ["a"]).exception, Misconfigured)
    assert CliRunner().invoke(drain.command, ["b", "--undo", "--json"]).exit_code == 0
    assert drained() == []
    (tmp_path / "shared.db").write_bytes(b"not a database at all" * 100)
    told = CliRunner().invoke(drain.command, ["b"]).exception
    assert isinstance(told, Unavailable)
    assert "does not say which other hosts there are" in str(told)
