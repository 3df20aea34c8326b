"""The file of a backup: a tar compressed by zstd, whose last member says what the others are, by SHA-256."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, Any

import zstandard

from cuelight.kit.errors import BadInput
from cuelight.kit.files import sync_folder

FORMAT = 1
_MANIFEST = "manifest.json"
_LARGEST_MANIFEST = 1 << 30
_BLOCK = 1 << 20  # read at a time: memory for as much is taken, however little there is


class _Digested:
    """A stream that knows the digest of what was read from it."""

    def __init__(self, stream: IO[bytes], mode: int = 0o600) -> None:
        self._stream, self._digest, self.mode = stream, hashlib.sha256(), mode

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self._digest.update(block)
        return block

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()


class Writer:
    """Takes members one after the other; `describe` is what the manifest says of the whole."""

    def __init__(self, tar: tarfile.TarFile, scratch: Path) -> None:
        self._tar, self._scratch, self._members = tar, scratch, dict[str, str]()

    def add(self, name: str, path: Path) -> bool:
        """A file, as long as it is now; False if it is gone."""
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return False
        with file:
            info = self._tar.gettarinfo(arcname=name, fileobj=file)
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            stream = _Digested(file)
            self._tar.addfile(info, stream)
            self._tar.members.clear()  # type: ignore[attr-defined]  # of which it keeps each that was written
        self._members[name] = stream.digest
        return True

    def add_lines(self, name: str, lines: Iterable[bytes]) -> None:
        """Lines, however many: a tar must know beforehand, so that they go by way of the disk."""
        with tempfile.NamedTemporaryFile(dir=self._scratch) as file:
            file.writelines(lines)
            file.flush()
            self.add(name, Path(file.name))

    def describe(self, **what: Any) -> None:
        """The last member."""
        with tempfile.NamedTemporaryFile("w", dir=self._scratch) as file:
            json.dump(sealed({"format": FORMAT, **what, "members": self._members}), file)
            file.flush()
            self.add(_MANIFEST, Path(file.name))


@contextmanager
def written(path: Path) -> Iterator[Writer]:
    """A new archive that is there, for its owner alone, once all of it is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            with (
                zstandard.ZstdCompressor().stream_writer(file, closefd=False) as packed,
                tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
            ):
                yield Writer(tar, path.parent)
            file.flush()
            os.fsync(file.fileno())
        _name(Path(name), path)
        sync_folder(path.parent)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()


def _name(draft: Path, path: Path) -> None:
    """Give a draft its name, and never that of another file."""
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:  # no hard links, as on memory sticks and some network shares
        if path.exists():
            raise FileExistsError(f"{path} is there already") from None
        draft.rename(path)


def verified(path: Path) -> dict[str, Any]:
    """The manifest, once every member was held against it.

    Raises:
        BadInput: the file is no backup, a damaged one, or of a format that is not known here.
    """
    seen: dict[str, str] = {}
    manifest: dict[str, Any] = {}
    for name, stream in _members(path):
        if name == _MANIFEST:
            blocks = islice(iter(lambda: stream.read(_BLOCK), b""), _LARGEST_MANIFEST // _BLOCK)  # noqa: B023  read at once
            manifest = _parsed(path, b"".join(blocks))
            continue
        while stream.read(_BLOCK):
            pass
        if seen.setdefault(name, stream.digest) != stream.digest:
            raise BadInput(f"{path}: {name} is in it twice: it is damaged, or not ours.")
    if manifest.get("members") != seen:
        raise BadInput(f"{path} is damaged: its content is not what its manifest says.")
    return manifest


def content(path: Path, prefix: str) -> Iterator[tuple[str, _Digested]]:
    """Members whose names begin so, each as the rest of its name and a stream to read before the next one."""
    for name, stream in _members(path):
        if name.startswith(prefix):
            yield name.removeprefix(prefix), stream


def extract(path: Path, prefix: str, folder: Path) -> None:
    """Members whose names begin so, as files in `folder`, and nowhere else."""
    for name, stream in content(path, prefix):
        target = folder / name
        if not target.resolve().is_relative_to(folder.resolve()):
            raise BadInput(f"{path}: {name} is not within the folder that it is restored to.")
        target.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stream.mode), "wb") as file:
            shutil.copyfileobj(stream, file, _BLOCK)


def _members(path: Path) -> Iterator[tuple[str, _Digested]]:
    try:
        with (
            path.open("rb") as file,
            zstandard.ZstdDecompressor().stream_reader(file) as packed,
            tarfile.open(fileobj=packed, mode="r|") as tar,
        ):
            while member := tar.next():
                tar.members.clear()  # type: ignore[attr-defined]
                place = PurePosixPath(member.name)
                stream = tar.extractfile(member) if member.isreg() else None
                if stream is None or place.is_absolute() or ".." in place.parts:
                    raise BadInput(f"{path}: {member.name} is no file within it: this is none of our backups.")
                yield member.name, _Digested(stream, member.mode & 0o644 | 0o600)
    except (tarfile.TarError, zstandard.ZstdError, EOFError) as error:
        raise BadInput(f"{path} is no backup, or a damaged one: {error}.") from error


def _parsed(path: Path, text: bytes) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(text)
        known = manifest["format"] <= FORMAT
        seal = manifest.pop("seal", "")
    except (ValueError, TypeError, KeyError) as error:
        raise BadInput(f"{path} is damaged: its manifest can't be read.") from error
    if not known:
        raise BadInput(f"{path} was made by a newer Cuelight, in a format that is not known here: upgrade first.")
    if seal != sealed(manifest)["seal"]:
        raise BadInput(f"{path} is damaged: its manifest is not what it was.")
    return manifest


def sealed(manifest: dict[str, Any]) -> dict[str, Any]:
    """With a digest of itself: against damage, and not against people."""
    text = json.dumps(manifest, sort_keys=True).encode()
    return {**manifest, "seal": hashlib.sha256(text).hexdigest()}
