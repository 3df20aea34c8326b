from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cuelight.cli import mlflow
from cuelight.kit.errors import Misconfigured


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CUELIGHT_REGISTRY_URI", "http://there", "registry.uri names another MLflow"),
        ("CUELIGHT_MLFLOW_HOST", "0.0.0.0", "mlflow.host is 0.0.0.0, where other machines can connect"),
    ],
)
def test_it_runs_none_where_it_must_not(name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not beside another one, and not open to other machines unless callers are asked who they are."""
    monkeypatch.setenv(name, value)
    result = CliRunner().invoke(mlflow.command)
    assert isinstance(result.exception, Misconfigured)
    assert said in str(result.exception)


def test_it_becomes_the_server(tmp_path: Path) -> None:
    """The process is MLflow's own, where settings say: nothing of ours stays around it to be told to stop."""
    # What is started in place of Python says how it was called.
    stand_in = f"from cuelight.registry import server_process; server_process.sys.executable = {str(_said(tmp_path))!r}"
    code = f"{stand_in}; from cuelight.cli.mlflow import command; command()"
    chosen = {"CUELIGHT_HOME": str(tmp_path), "CUELIGHT_MLFLOW_HOST": "127.0.0.2", "CUELIGHT_MLFLOW_PORT": "5017"}
    with subprocess.Popen([sys.executable, "-c", code], env=os.environ | chosen, stdout=subprocess.PIPE) as process:
        said, _ = process.communicate(timeout=60)
    first, *words = said.decode().split()
    assert first == str(process.pid)
    assert "--host 127.0.0.2 --port 5017 --workers 1" in " ".join(words)
    assert words[-1] == f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}"


def _said(folder: Path) -> Path:
    script = folder / "says"
    script.write_text('#!/bin/sh\necho $$ "$@" "$_MLFLOW_SERVER_REGISTRY_STORE"\n')
    script.chmod(0o755)
    return script
