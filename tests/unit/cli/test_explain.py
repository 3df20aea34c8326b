from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cuelight.cli.explain import command
from cuelight.kit.errors import NotFound
from cuelight.operations.database import Operations
from tests.support.journal import NOON, prediction, write


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with one prediction, not compacted yet; MLflow is down."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUELIGHT_HOME", str(tmp_path))
    monkeypatch.setenv("CUELIGHT_REGISTRY_URI", "http://127.0.0.1:9")
    write(tmp_path / "journal", prediction(100, generation=5, version=2))
    return tmp_path


def test_what_mlflow_does_not_tell_is_named(home: Path) -> None:
    """Journal and history are told all the same, and the exit code is 0."""
    operations = Operations(f"sqlite:///{home / 'operations.db'}", "h")
    detail = {"track": "Production", "before": 1, "why": "stage", "generation": 5, "run_id": "abc"}
    operations.record("switched", "m", 2, detail, at=NOON)
    done = CliRunner().invoke(command, ["p100", "--json"])
    assert done.exit_code == 0
    known = json.loads(done.output)
    assert (known["in_charge"]["before"], known["training"]["run_id"]) == (1, "abc")
    assert len(known["notes"]) == 1
    assert "What the registry knows of its training is missing" in known["notes"][0]
    assert "Trained by run abc" in CliRunner().invoke(command, ["p100"]).output


def test_without_a_history_it_says_so() -> None:
    """The prediction is explained as far as the journal goes."""
    known = json.loads(CliRunner().invoke(command, ["p100", "--json"]).output)
    assert (known["prediction"]["version"], known["in_charge"], known["training"]) == (2, None, None)
    assert known["notes"][0] == "The history of host h has no line on this."


@pytest.mark.parametrize("given", ["p101", "p1\udcff", ""])
def test_an_unknown_id_is_an_error(given: str) -> None:
    """One line that says where it was looked for."""
    with pytest.raises(NotFound, match="has no prediction"):
        CliRunner().invoke(command, [given], catch_exceptions=False)
