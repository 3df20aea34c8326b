"""What the pages on operating have people save and run does what they say."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import blocks
from tests.docs.test_commands import parse


def test_the_unit_is_one(tmp_path: Path) -> None:
    """It starts a command that there is, and systemd has nothing to say against it."""
    (unit,) = (block for block in blocks("docs/operating/install.md") if block.mark == ("file", "cuelight.service"))
    found = configparser.ConfigParser(interpolation=None)
    found.read_string(unit.text)
    parse(found["Service"]["ExecStart"].split()[1:])
    path = tmp_path / "cuelight.service"
    path.write_text(unit.text.replace("/opt/cuelight/bin/cuelight", sys.executable).replace("User=cuelight\n", ""))
    if systemd := shutil.which("systemd-analyze"):
        checked = subprocess.run([systemd, "verify", str(path)], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
