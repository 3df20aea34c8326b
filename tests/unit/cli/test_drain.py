from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cuelight.cli import drain
from cuelight.kit.errors import Unavailable
from cuelight.kit.settings import Settings
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
