"""Which files of an installation can't be made again, and how they are held still while they are copied."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cuelight.cli.archives import databases
from cuelight.cli.archives.archive import Writer
from cuelight.journal import layout, storage
from cuelight.journal.writer import CLOSED
from cuelight.kit import files
from cuelight.kit.errors import Busy
from cuelight.kit.settings import Settings

SETTINGS = "cuelight.toml"
SCRATCH = ".backup-"
_FOLDERS = ("access", "mlflow/artifacts")
_DATABASES = ("mlflow/auth.db", "mlflow/edits.db")  # MLflow's users, and who edited: SQLite's in any case
_LEDGER = "serving/ledger.json"  # who arrived on which track when, and which digests versions had first
_PATIENCE_SECONDS = 600.0


def add_files(writer: Writer, settings: Settings, scratch: Path, keys: bool) -> None:
    """All but the databases that `databases.addresses` names; those are first, so that what they name is in it."""
    home = settings.home.absolute()
    for name in (*_FOLDERS, *(["keys"] if keys else [])):
        _add_folder(writer, home, home / name)
    for name in _DATABASES:
        if (home / name).exists():
            copy = scratch / Path(name).name
            databases.copy_file(home / name, copy)
            writer.add(f"home/{name}", copy)
    for path in (home / _LEDGER, *home.glob(f"replicas/*/{_LEDGER}")):
        writer.add(f"home/{path.relative_to(home)}", path)
    if settings.journal_folder.is_dir():
        _add_journal(writer, settings.journal_folder.absolute())
    chosen = Path(os.environ.get("CUELIGHT_CONFIG", "") or SETTINGS)
    writer.add(f"settings/{SETTINGS}", chosen)


def _add_folder(writer: Writer, root: Path, folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            writer.add(f"home/{path.relative_to(root)}", path)


def _add_journal(writer: Writer, journal: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=journal) as folder:  # links reach no other file system
        still = Path(folder) / "journal"
        hold(journal, still)
        _add_folder(writer, still.parent, still)


@contextmanager
def scratch(home: Path) -> Iterator[Path]:
    """A folder in the home, which is gone afterwards; those of backups that were killed go before.

    Raises:
        Busy: another backup of it is being written.
    """
    with files.unless_held(home / ".backup.lock") as mine:
        if not mine:
            raise Busy(f"Another backup of {home} is being written.")
        for old in (*home.glob(f"{SCRATCH}*"), *home.glob(f"journal/{SCRATCH}*")):
            shutil.rmtree(old, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=home) as folder:
            yield Path(folder)


def hold(journal: Path, target: Path) -> None:
    """Links to what the journal has at one moment, each record once: no compactor comes in between.

    Segments that are still written to are left out: their requests are those of the last few seconds.

    Raises:
        Busy: the compactor was at work all the time.
    """
    with storage.once_alone(journal, _PATIENCE_SECONDS):
        for path in _finished(journal):
            place = target / path.relative_to(journal)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, place)


def _finished(journal: Path) -> Iterator[Path]:
    """Parquet files with the plans of those that were merged, side files, and segments that are closed."""
    for name in (*layout.DATASETS, layout.DAMAGED):
        yield from (each for each in (journal / name).rglob("*") if each.is_file() and not each.name.endswith(".tmp"))
    yield from (journal / layout.SEGMENTS).glob(f"*/*{CLOSED}")
