"""The units start commands that there are, together all that `cuelight up` runs, and systemd takes them."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cuelight.cli.stack.programs import of_replica, programs
from cuelight.kit.configuration import read
from cuelight.kit.settings import Settings
from cuelight.operations import replicas
from tests.docs.pages import ROOT, text
from tests.docs.test_commands import parse

FOLDER = ROOT / "deploy" / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
SHARED = FOLDER / "cuelight-.service.d" / "programs.conf"
COMMAND = "/opt/cuelight/bin/cuelight"
PAGE = "docs/operating/systemd.md"


def sections(path: Path) -> configparser.ConfigParser:
    """A unit's sections."""
    found = configparser.ConfigParser(interpolation=None)
    found.optionxform = str  # type: ignore[assignment]  # names as they are written
    found.read_string(path.read_text())
    return found


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_starts_a_program(path: Path) -> None:
    """By a command that there is; it starts again whatever happens, and with the target."""
    unit = sections(path)
    program, *arguments = unit["Service"]["ExecStart"].split()
    assert program == COMMAND
    parse(arguments)
    assert (unit["Service"]["Restart"], unit["Service"]["KillMode"]) == ("always", "mixed")
    assert (unit["Unit"]["PartOf"], unit["Install"]["WantedBy"]) == ("cuelight.target", "cuelight.target")


def test_there_is_a_unit_for_each_program(tmp_path: Path) -> None:
    """What `cuelight up` runs, each has one, by the same name."""
    settings = Settings(home=tmp_path)
    ours = [*programs(settings), *of_replica(replicas.first(settings))]
    assert {f"cuelight-{each.name}" for each in ours} == {path.stem for path in UNITS}


def test_variables_are_settings() -> None:
    """What the units set in the environment are settings, and their folder is the only one that can be written."""
    service = sections(SHARED)["Service"]
    variables = dict(each.split("=", 1) for each in service["Environment"].split())
    settings = read(environment={name: value for name, value in variables.items() if name.startswith("CUELIGHT_")})
    assert settings.home == Path("/var/lib") / service["StateDirectory"]
    assert service["ProtectSystem"] == "strict"
    assert not [name for name in service if name in ("ReadWritePaths", "BindPaths")]


def test_systemd_takes_them(tmp_path: Path) -> None:
    """It has nothing to say against them, and rates each as the page says."""
    systemd = shutil.which("systemd-analyze")
    if not systemd:
        return  # there is no systemd here, hence nobody who would run them
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    for path in tmp_path.glob("*.service"):
        path.write_text(path.read_text().replace(COMMAND, sys.executable))
    paths = {"SYSTEMD_UNIT_PATH": f"{tmp_path}:"}  # there the drop-in is found as well
    names = [str(tmp_path / path.name) for path in (*UNITS, FOLDER / "cuelight.target")]
    checked = subprocess.run([systemd, "verify", *names], env=paths, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    said = re.search(r"rates each at (\d\.\d)", text(PAGE))
    assert said
    for path in UNITS:
        rate = [systemd, "security", "--offline=true", str(tmp_path / path.name)]
        rated = subprocess.run(rate, env=paths, capture_output=True, text=True, check=False, timeout=60)
        assert f"{path.name}: {said[1]} OK" in rated.stdout
