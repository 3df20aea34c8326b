from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cuelight.cli.retrain import command
from cuelight.kit.errors import Unavailable
from cuelight.kit.identity import user
from cuelight.operations.database import Operations


def test_a_request_by_hand_is_in_the_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line says why, by whom and which request; one that is refused, since another is open, leaves no line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUELIGHT_HOME", str(tmp_path))
    assert CliRunner().invoke(command, ["linear", "--reason", "New prices."]).exit_code == 0
    assert isinstance(CliRunner().invoke(command, ["linear"]).exception, Unavailable)
    operations = Operations(f"sqlite:///{tmp_path / 'operations.db'}")
    (request,), (line,) = operations.retrains("linear"), operations.history("linear")
    assert (line.kind, line.version, line.at) == ("retrain-requested", None, request.requested_at)
    assert line.detail == {"reason": "New prices.", "request": request.id, "link": "", "by": user()}
