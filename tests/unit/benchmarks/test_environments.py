from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks import environments
from benchmarks.models import Model
from benchmarks.peers.litserve import LitServe


def test_a_peer_that_cannot_be_installed_is_missing_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason is without what pip said, which may hold addresses; pip is not asked again in this run."""
    (tmp_path / "litserve.txt").write_text(f"no-such-package==1.0 --hash=sha256:{'0' * 64}\n")
    monkeypatch.setattr(environments, "_REQUIREMENTS", tmp_path)
    monkeypatch.setattr(environments, "_HOME", tmp_path / "made")
    monkeypatch.setattr(environments, "_FAILED", {})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(environments.Missing, match="no-such-package"):
        environments.python("litserve")
    shutil.rmtree(tmp_path / "made")
    model = Model("linear", None, None, tmp_path)
    with pytest.raises(environments.Missing) as caught, LitServe().start(model, 1, tmp_path / "server"):
        pass
    assert caught.value.reason == "its environment could not be made"
    assert not (tmp_path / "made").exists()
