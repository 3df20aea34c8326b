"""The model store: a folder of verified versions, named by the digest of their files."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Set
from dataclasses import dataclass
from pathlib import Path

from cuelight.kit import files
from cuelight.kit.errors import Refused
from cuelight.kit.identity import new_id
from cuelight.registry.manifest import Manifest

_MANIFEST, _FILES, _TRIAL = "manifest.json", "files", "trial.json"


@dataclass(frozen=True)
class Entry:
    """One version in the store."""

    folder: Path
    manifest: Manifest

    @property
    def files(self) -> Path:
        """The folder that MLflow wrote: `MLmodel` and what it names."""
        return self.folder / _FILES

    @property
    def trial(self) -> Path:
        """What the trial found, as JSON."""
        return self.folder / _TRIAL


class ModelStore:
    """Content-addressed versions under `folder`. What is there is whole: it was renamed into place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._drafts = folder / ".drafts"

    def draft(self) -> Path:
        """An empty folder on the store's file system, to download into."""
        path = self._drafts / new_id()
        path.mkdir(parents=True)
        return path

    def discard_drafts(self) -> None:
        """Remove what an interrupted download left."""
        shutil.rmtree(self._drafts, ignore_errors=True)

    def discard_altered(self, digests: Iterable[str]) -> list[str]:
        """Remove those of the versions that are here and not as they were admitted; which ones."""
        altered = [each for each in digests if self.has(each) and not self._intact(each)]
        for each in altered:
            self.remove(each)
        return altered

    def admit(self, draft: Path, manifest: Manifest) -> Entry:
        """Take a downloaded folder in, after holding it against `manifest`.

        Raises:
            Refused: a file differs, is missing or is extra.
        """
        manifest.verify(draft)
        target = self._folder / manifest.digest
        if target.exists() and not self._intact(manifest.digest):
            self.remove(manifest.digest)
        if not target.exists():
            whole = self._drafts / new_id()
            whole.mkdir(parents=True)
            draft.rename(whole / _FILES)
            files.replace(whole / _MANIFEST, manifest.to_json().encode())
            _sync_tree(whole)
            whole.rename(target)
            files.sync_folder(self._folder)
        else:
            shutil.rmtree(draft)
        os.utime(target)
        return self.entry(manifest.digest)

    def entry(self, digest: str) -> Entry:
        """The version of that digest.

        Raises:
            Refused: it is not here, or its manifest can't be read.
        """
        folder = self._folder / digest
        try:
            return Entry(folder, Manifest.from_json((folder / _MANIFEST).read_text()))
        except UnicodeDecodeError as error:
            raise Refused(f"The manifest of {digest[:12]} in the model store was altered.") from error
        except FileNotFoundError as error:
            raise Refused(f"The files with digest {digest[:12]} are not in the model store.") from error

    def verified(self, digest: str) -> Entry:
        """The version of that digest, its files checked once more.

        Raises:
            Refused: it is not here, or a file was altered on disk.
        """
        entry = self.entry(digest)
        entry.manifest.verify(entry.files)
        if entry.manifest.digest != digest:
            raise Refused(f"The manifest of {digest[:12]} in the model store was altered.")
        return entry

    def _intact(self, digest: str) -> bool:
        try:
            return self.verified(digest).manifest.digest == digest
        except (Refused, OSError):
            return False

    def has(self, digest: str) -> bool:
        """Whether that version is in the store."""
        return bool(digest) and (self._folder / digest / _MANIFEST).exists()

    def touch(self, digest: str) -> None:
        """It was just used: others have to leave before it."""
        with contextlib.suppress(OSError):  # it has left already
            os.utime(self._folder / digest)

    def remove(self, digest: str) -> None:
        """Delete a version; first out of sight, then for good."""
        self._drafts.mkdir(parents=True, exist_ok=True)
        grave = self._drafts / new_id()
        if digest and (self._folder / digest).exists():
            (self._folder / digest).rename(grave)
            shutil.rmtree(grave, ignore_errors=True)

    def sizes(self) -> dict[Path, int]:
        """Bytes of each version that is here, by its folder, whose name is the digest."""
        entries = [path for path in self._folder.glob("*") if path.name != self._drafts.name and path.is_dir()]
        return {path: _size(path) for path in entries}

    def surplus(self, budget: int, needed: Set[str]) -> list[str]:
        """Digests to delete, least recently used first, until the rest fits `budget` bytes; never a needed one."""
        sizes = self.sizes()
        total, surplus = sum(sizes.values()), []
        for path in sorted(sizes, key=lambda each: each.stat().st_mtime):
            if total <= budget:
                break
            if path.name not in needed:
                surplus.append(path.name)
                total -= sizes[path]
        return surplus


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _sync_tree(folder: Path) -> None:
    for parent, _, names in os.walk(folder):
        for name in names:
            with Path(parent, name).open("rb") as file:
                os.fsync(file.fileno())
        files.sync_folder(Path(parent))
