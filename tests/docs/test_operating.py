"""What the pages on operating have people save and run does what they say."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

from cuelight.kit.settings import Settings
from cuelight.operations.database import Operations
from tests.docs.pages import blocks
from tests.docs.test_commands import parse


def test_a_copy_of_what_runs_is_whole(tmp_path: Path) -> None:
    """The script's copy, taken while somebody writes, has keys, artifacts and a history that is verified there."""
    settings, copy = Settings(home=tmp_path / "home"), tmp_path / "copies" / "today"
    artifact = settings.home / "mlflow" / "artifacts" / "1" / "model.skops"
    artifact.parent.mkdir(parents=True)
    artifact.write_bytes(b"model")
    operations = Operations(settings.database_url, keys=settings.keys_folder)
    operations.record("switched", "m", 1, {"track": "Production"})
    operations.seal(at_once=True)  # and stays open
    done = take_copy(tmp_path, settings.home, copy)
    operations.close()
    assert done.returncode == 0, done.stderr
    restored = Settings(home=copy)
    again = Operations(restored.database_url, keys=restored.keys_folder)
    assert ([each.version for each in again.history("m")], again.verify()) == ([1], [])
    again.close()
    assert (copy / "mlflow" / "artifacts" / "1" / "model.skops").read_bytes() == b"model"
    assert (copy.stat().st_mode & 0o777, (copy / "keys" / "signing.pem").stat().st_mode & 0o777) == (0o700, 0o600)


def test_a_copy_never_goes_over_another(tmp_path: Path) -> None:
    """A target that is there already stops the script before it writes."""
    (tmp_path / "copy").mkdir()
    assert take_copy(tmp_path, tmp_path, tmp_path / "copy").returncode != 0
    assert list((tmp_path / "copy").iterdir()) == []


def take_copy(folder: Path, home: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """Save the page's script in `folder`, and run it."""
    (script,) = (block for block in blocks("docs/operating/back-up.md") if block.mark == ("file", "backup.py"))
    (folder / "backup.py").write_text(script.text)
    command = [sys.executable, "backup.py", str(home), str(target)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


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
