"""Which files of an installation can't be made again, and how they are held still while they are copied."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from cuelight.cli.archives import databases
from cuelight.cli.archives.archive import Writer
from cuelight.journal import layout, storage
from cuelight.journal.writer import CLOSED
from cuelight.kit.errors import Busy
from cuelight.kit.settings import Settings

SETTINGS = "cuelight.toml"
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
    still = scratch / "journal"
    if settings.journal_folder.is_dir():
        hold(settings.journal_folder.absolute(), still)
        _add_folder(writer, scratch, still)
    chosen = Path(os.environ.get("CUELIGHT_CONFIG", "") or SETTINGS)
    writer.add(f"settings/{SETTINGS}", chosen)


def _add_folder(writer: Writer, root: Path, folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            writer.add(f"home/{path.relative_to(root)}", path)


def hold(journal: Path, target: Path) -> None:
    """Links to what the journal has at one moment, each record once: no compactor comes in between.

    Segments that are still written to are left out: their requests are those of the last few seconds.

    Raises:
        Busy: the compactor was at work all the time.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        with storage.alone(journal) as mine:
            if mine:
                for path in _finished(journal):
                    place = target / path.relative_to(journal)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    os.link(path, place)
                return
        if time.monotonic() > deadline:
            raise Busy("The journal's compactor does not pause. Try again.")
        time.sleep(0.2)


def _finished(journal: Path) -> Iterator[Path]:
    """Parquet files with the plans of those that were merged, side files, and segments that are closed."""
    for name in (*layout.DATASETS, layout.DAMAGED):
        yield from (each for each in (journal / name).rglob("*") if each.is_file() and not each.name.endswith(".tmp"))
    yield from (journal / layout.SEGMENTS).glob(f"*/*{CLOSED}")
