"""A small installation, backed up and restored where folders lie as they do in production."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cuelight.cli.archives import archive
from cuelight.journal import layout
from cuelight.kit import files
from cuelight.operations import migrations
from cuelight.operations.database import Operations
from tests.support.command import asked

_MEMORY = Path("/dev/shm")  # another file system than that of temporary files, where there is one


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An installation with a line of history, a key and a closed segment."""
    home = tmp_path / "home"
    operations = Operations(f"sqlite:///{home / 'operations.db'}")
    operations.record("promoted", "model", 1, {})
    operations.close()
    for name in ("keys/signing.pem", "journal/segments/host/1-a-0.closed"):
        files.replace(home / name, b"secret", mode=0o640)
    return home


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder on another file system."""
    with tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
        yield Path(folder)


def cuelight(home: Path, *arguments: str) -> str:
    """What a command says of an installation; it has to succeed."""
    done = asked(home.parent, {"CUELIGHT_HOME": str(home)}, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_home_that_is_there_is_filled(home: Path, tmp_path: Path) -> None:
    """It may be a volume, which can't be made anew, with what its file system has; nor was the one cut off before."""
    cuelight(home, "backup", str(tmp_path / "backup"))
    volume = tmp_path / "volume"
    (volume / "lost+found").mkdir(parents=True)
    files.replace(volume / ".restoring" / "operations.db", b"half")
    before = volume.stat().st_ino
    cuelight(volume, "restore", str(tmp_path / "backup"))
    assert volume.stat().st_ino == before
    assert {each.name for each in volume.iterdir()} == {"lost+found", "operations.db", "keys", "journal"}
    segment = volume / "journal" / layout.SEGMENTS / "host" / "1-a-0.closed"
    assert (segment.read_bytes(), segment.stat().st_mode & 0o777) == (b"secret", 0o640)
    assert "promoted" in cuelight(volume, "history", "model", "--json")


def test_a_restore_that_fails_leaves_a_home_as_empty_as_it_was(home: Path, tmp_path: Path) -> None:
    """Rows that don't fit are told at the end of it, and the next try begins anew."""
    rows = [b'["writer","sequence","hash"]\n', *2 * [b'["me",1,"h"]\n']]
    known = {"operations": {"revision": migrations.revisions()[0]}}
    with archive.written(tmp_path / "bad") as writer:
        writer.add("home/keys/signing.pem", home / "keys" / "signing.pem")
        writer.add_lines("tables/operations/history_heads", rows)
        writer.describe(made="2026-11-23T00:00:00", databases=known, keys=True)
    volume = tmp_path / "volume"
    volume.mkdir()
    done = asked(tmp_path, {"CUELIGHT_HOME": str(volume)}, "restore", str(tmp_path / "bad"))
    assert (done.returncode, "don't fit" in done.stderr) == (1, True)
    assert list(volume.iterdir()) == []
    cuelight(home, "backup", str(tmp_path / "backup"))
    cuelight(volume, "restore", str(tmp_path / "backup"))


def test_a_journal_on_a_volume_of_its_own_is_in_it(home: Path, tmp_path: Path, elsewhere: Path) -> None:
    """No link reaches from there into the home."""
    if elsewhere.stat().st_dev == home.stat().st_dev:
        pytest.skip(f"{_MEMORY} is the file system of {tmp_path}")
    shutil.move(home / "journal", elsewhere / "journal")
    (home / "journal").symlink_to(elsewhere / "journal")
    cuelight(home, "backup", str(tmp_path / "backup"))
    cuelight(tmp_path / "new", "restore", str(tmp_path / "backup"))
    assert (tmp_path / "new" / "journal" / layout.SEGMENTS / "host" / "1-a-0.closed").read_bytes() == b"secret"
    assert {each.name for each in (elsewhere / "journal").iterdir()} <= {"segments", ".compactor.lock"}


def test_what_a_killed_backup_left_goes_with_the_next(home: Path, tmp_path: Path) -> None:
    """Links would hold what the journal has long deleted; while one is being written, no other begins."""
    for name in (".backup-x/mlflow.db", "journal/.backup-y/journal/segments/host/0-a-0.closed"):
        files.replace(home / name, b"left")
    with files.unless_held(home / ".backup.lock"):
        done = asked(tmp_path, {"CUELIGHT_HOME": str(home)}, "backup", str(tmp_path / "backup"))
    assert "Another backup" in done.stderr
    assert (home / ".backup-x").exists()
    cuelight(home, "backup", str(tmp_path / "backup"))
    assert list(home.rglob(".backup-*")) == []
