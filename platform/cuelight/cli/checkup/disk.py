"""Whether there is room, and may be written, where the data is."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cuelight.cli.checkup.finding import Finding, bytes_of, fault, ok, warning
from cuelight.cli.checkup.scene import Scene
from cuelight.kit.settings import Settings
from cuelight.serving.host.places import Places
from cuelight.serving.versions.store import ModelStore

_LEAST = 256 << 20  # a few segments of the journal


def findings(scene: Scene) -> Iterator[Finding]:
    """The home folder: writable, and with room for what the settings allow to grow."""
    folder = scene.settings.home.absolute()
    while not folder.exists():  # `cuelight up` makes it
        folder = folder.parent
    yield writable(folder)
    yield room(folder, shutil.disk_usage(folder).free, growth(scene.settings))


def writable(folder: Path) -> Finding:
    """Whether a file can be made there."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0")
    except OSError as error:
        return fault(f"Nothing can be written in {folder}: {error.strerror}.", "Set CUELIGHT_HOME, or mend its rights.")
    return ok(f"{folder} can be written.")


def growth(settings: Settings) -> dict[str, int]:
    """By setting, the bytes that what it bounds may still grow by."""
    stored = sum(ModelStore(Places(settings.serving_folder).store).sizes().values())
    recorded = sum(map(_size, settings.journal_folder.rglob("*.parquet")))
    quota = "journal.local_bytes" if settings.journal_archive else "journal.retention_bytes"
    budgets = {
        "serving.store_bytes": settings.serving_store_bytes - stored,
        quota: getattr(settings, quota.replace(".", "_")) - recorded,
    }
    return {setting: left for setting, left in budgets.items() if left > 0}


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # merged or erased since it was seen
        return 0


def room(folder: Path, free: int, wanted: dict[str, int]) -> Finding:
    """Whether `free` bytes are enough for what may be wanted."""
    says = f"{bytes_of(free)} are free at {folder}"
    if free < _LEAST:
        return fault(
            f"{says}: requests soon go unrecorded.", "Free some, or move home (CUELIGHT_HOME) to another disk."
        )
    if free < sum(wanted.values()):
        allowed = " and ".join(f"{bytes_of(left)} by {setting}" for setting, left in wanted.items())
        return warning(f"{says}; data may still grow by {allowed}.", f"Free some, or lower {' or '.join(wanted)}.")
    return ok(f"{says}; the quotas of the settings fit in.")
