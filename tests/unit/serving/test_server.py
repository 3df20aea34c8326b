from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings
from cuelight.serving import server
from cuelight.serving.host import places
from cuelight.serving.host.places import Places


def test_metrics_lie_in_memory_in_a_folder_of_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two homes have two folders, what an earlier run left is gone, and nobody else may enter."""
    monkeypatch.setattr(places, "_MEMORY", tmp_path / "memory")
    (tmp_path / "memory").mkdir()
    one, two = (server._metrics_folder(Places(tmp_path / name)) for name in ("one", "two"))
    assert one != two
    assert (one.parent, one.parent.parent, one.parent.stat().st_mode & 0o777) == (
        two.parent,
        tmp_path / "memory",
        0o700,
    )
    (one / "counter.db").touch()
    assert server._metrics_folder(Places(tmp_path / "one")) == one
    assert list(one.iterdir()) == []


@pytest.mark.parametrize("kind", ["absent", "file", "link", "open"])
def test_a_place_in_memory_that_is_not_ours_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Where there is none, or somebody else could write to it, metrics lie in the home."""
    memory = tmp_path / "memory"
    monkeypatch.setattr(places, "_MEMORY", memory)
    if kind != "absent":
        memory.mkdir()
        ours = memory / f"cuelight-{os.getuid()}"
        if kind == "file":
            ours.touch()
        elif kind == "link":
            ours.symlink_to(tmp_path)
        else:
            ours.mkdir()
            ours.chmod(0o777)
    metrics = server._metrics_folder(Places(tmp_path / "home"))
    assert metrics == tmp_path / "home" / "metrics"
    assert metrics.is_dir()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"telemetry_traces": "collector:4318"}, "telemetry.traces must be a URL"),
        ({"telemetry_traces": "http://c/v1/traces", "telemetry_sample": 10.0}, "telemetry.sample must be a share"),
    ],
)
def test_traces_that_cannot_be_made_are_refused_at_the_start(tmp_path: Path, wrong: dict[str, Any], says: str) -> None:
    """Before there is any process, with what to do; nothing is left behind."""
    with pytest.raises(Misconfigured, match=says):
        server.serve(Settings(home=tmp_path / "home", **wrong))
    assert not (tmp_path / "home").exists()
