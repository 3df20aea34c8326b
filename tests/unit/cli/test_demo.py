from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cuelight.cli.demo import command
from cuelight.cli.stack.supervision import held
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings


def test_a_demo_that_runs_is_not_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second demo of the same home, on free ports of its own, stops before it touches the first one's data."""
    monkeypatch.chdir(tmp_path)
    for name in ("SERVING", "MLFLOW"):
        monkeypatch.setenv(f"CUELIGHT_{name}_PORT", "0")
    home = Path(".cuelight/demo")
    with held(Settings(home=home)):
        (home / "data").touch()
        result = CliRunner().invoke(command, ["--once"])
    assert isinstance(result.exception, Misconfigured)
    assert "already runs" in str(result.exception)
    assert (home / "data").exists()
