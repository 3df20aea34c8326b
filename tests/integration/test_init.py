"""What `cuelight init` writes trains as it is, by the real command against a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = (sys.executable, "-c", "from cuelight.cli.main import main; main()")


def cuelight(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder."""
    return subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env=os.environ | environment, capture_output=True, text=True, timeout=200
    )


@pytest.mark.server
def test_the_scaffold_trains_as_it_is(mlflow_server: str, tmp_path: Path) -> None:
    """`init` then `train` puts a version of the scaffolded model into Staging, from any folder name."""
    written = cuelight(tmp_path, "init", "my first model")
    assert written.returncode == 0, written.stderr
    folder = tmp_path / "my first model"
    trained = cuelight(folder, "train", "diabetes", "--json", CUELIGHT_REGISTRY_URI=mlflow_server)
    assert trained.returncode == 0, trained.stderr
    result = json.loads(trained.stdout)
    assert (result["model"], result["stage"]) == ("diabetes", "Staging")
    assert result["metrics"]["r2"] > 0.3
    assert (folder / ".cuelight" / "keys" / "signing.pem").stat().st_mode & 0o777 == 0o600


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """Where one of the files is there already, `init` fails, names it, and writes none."""
    (tmp_path / "diabetes_pipeline.py").write_text("mine")
    refused = cuelight(tmp_path, "init")
    assert refused.returncode == 1
    assert "diabetes_pipeline.py is there already" in refused.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["diabetes_pipeline.py"]


def test_train_without_a_name_lists_what_there_is(tmp_path: Path) -> None:
    """The names of all pipelines are in the message, the folder's own first."""
    assert cuelight(tmp_path, "init").returncode == 0
    shown = cuelight(tmp_path, "train")
    assert shown.returncode == 2
    assert "There are: diabetes, linear, linear_descent" in shown.stderr


def test_retraining_with_nothing_to_do_is_no_failure(tmp_path: Path) -> None:
    """`retrain --next` without a request says so and exits with 0: it is what a scheduler calls."""
    shown = cuelight(tmp_path, "retrain", "--next")
    assert (shown.returncode, shown.stdout.strip()) == (0, "There is nothing to retrain."), shown.stderr


def test_a_request_is_filed_once(tmp_path: Path) -> None:
    """A second request for a model is refused while the first is open, and one for an unknown model at once."""
    assert cuelight(tmp_path, "retrain", "linear", "--reason", "It is time.").returncode == 0
    again = cuelight(tmp_path, "retrain", "linear")
    assert again.returncode == 1
    assert "open already" in again.stderr
    unknown = cuelight(tmp_path, "retrain", "nothing")
    assert unknown.returncode == 1
    assert "There is no pipeline 'nothing'" in unknown.stderr
