"""What a version consists of: one SHA-256 a file, bound to the model and the run that it came from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cuelight.kit.errors import Refused
from cuelight.registry import tags

if TYPE_CHECKING:
    from cuelight.kit.signing import SigningKey

# MLflow's client adds this file to downloads; it is not part of what was logged.
IGNORED = "registered_model_meta"
# Some rows of the reference, which training puts among a version's files; the trial tries it on them.
REFERENCE_SAMPLE = "reference_sample.parquet"
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Manifest:
    """File digests by path (relative, with `/`), for one model and run, so that it can't be replayed elsewhere."""

    model: str
    run_id: str
    files: Mapping[str, str]

    @classmethod
    def of_folder(cls, folder: Path, model: str, run_id: str) -> Manifest:
        """The manifest of what lies in `folder`.

        Raises:
            Refused: the folder holds a symbolic link or something else that is no plain file.
        """
        return cls(model, run_id, {path: file_digest(folder / path) for path in sorted(_files(folder))})

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Read what `to_json` wrote.

        Raises:
            Refused: the text is no manifest.
        """
        try:
            document = json.loads(text)
            model, run_id, files = document["model"], document["run_id"], document["files"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise Refused(
                "The manifest can't be read: train the version again, or sign it by `cuelight trust`."
            ) from error
        sound = isinstance(model, str) and isinstance(run_id, str) and isinstance(files, dict)
        if not sound or not all(isinstance(value, str) and _is_digest(value) for value in files.values()):
            raise Refused("The manifest has not the shape of one: train the version again, or run `cuelight trust`.")
        return cls(model, run_id, files)

    def to_json(self) -> str:
        """The canonical text: sorted keys, no spaces, ASCII."""
        return _canonical({"files": dict(self.files), "model": self.model, "run_id": self.run_id})

    def message(self) -> bytes:
        """What a signature is made over."""
        return b"cuelight manifest 1\n" + self.to_json().encode("ascii")

    def signed(self, key: SigningKey) -> dict[str, str]:
        """A version's tags that carry it, and the key's signature over it."""
        return {tags.MANIFEST: self.to_json(), tags.SIGNATURE: key.sign(self)}

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical file map: equal contents have equal digests, whatever their names."""
        return hashlib.sha256(_canonical(dict(self.files)).encode("ascii")).hexdigest()

    def verify(self, folder: Path) -> None:
        """Hold `folder` against the manifest.

        Raises:
            Refused: names the first file that is missing, extra or different.
        """
        found = set(_files(folder))
        for path in sorted(found | set(self.files)):
            if path not in found:
                raise Refused(f"File {path!r} of the manifest is missing.")
            if path not in self.files:
                raise Refused(f"File {path!r} is not in the manifest: it was added after registration.")
            if file_digest(folder / path) != self.files[path]:
                raise Refused(f"File {path!r} differs from the manifest: it was altered after registration.")


def file_digest(path: Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(folder: Path) -> Iterator[str]:
    for parent, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(parent, name)
            relative = path.relative_to(folder).as_posix()
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise Refused(f"{relative!r} is a link or a device: a version may hold plain files only.")
            if path.is_file() and relative != IGNORED:
                yield relative


def _is_digest(text: str) -> bool:
    return len(text) == 64 and set(text) <= _HEX


def _canonical(document: object) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
