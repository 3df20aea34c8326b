"""Stubs: which object of an archive holds the content of a file of the journal, and how it is read there."""

from __future__ import annotations

import functools
import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from cuelight.journal import layout
from cuelight.kit.errors import BadInput, Unavailable

if TYPE_CHECKING:
    from cuelight.kit.place import Place  # it costs an import that only an archive needs

_BLOCK = 8 << 20  # bytes
_SHOWN = 16  # digits of the digest in an object's name


@dataclass(frozen=True)
class Stub:
    """An object in an archive.

    Attributes:
        store: the archive's URL, or its folder.
        key: the object's path in there.
        sha256: of the content, in hexadecimal digits; of what was found there by its name only, the first 16.
        size: in bytes.
    """

    store: str
    key: str
    sha256: str
    size: int

    @property
    def day(self) -> str:
        """The day that it is of, `YYYY-MM-DD`."""
        return self.key.split("/")[-3].partition("=")[2]

    @property
    def place(self) -> Place:
        """Where the object is."""
        return root(self.store).within(self.key)

    def open(self) -> Any:
        """The content, to be read from any position.

        Raises:
            Unavailable: the store does not answer, or the object is not what was put there.
        """
        with self._reached():
            file = self.place.open()
            if file.size() != self.size:
                raise Unavailable(f"{self.key} in the archive {self.store} is not as it was archived: another size.")
        return _Reader(self, file)

    def blocks(self) -> Iterator[bytes]:
        """The content, all of it, held against the digest; raises Unavailable as `open`, at the end at the latest."""
        digest = hashlib.sha256()
        with self.open() as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                yield block
        if not digest.hexdigest().startswith(self.sha256):
            raise Unavailable(f"{self.key} in the archive {self.store} is not as it was archived: another SHA-256.")

    def prove(self) -> None:
        """Read all of the object: nothing that a store says of it proves as much."""
        for _ in self.blocks():
            pass

    def exists(self) -> bool:
        """Whether the object is there."""
        with self._reached():
            if found := self.place.exists():
                return found
            check(self.store)  # nothing is there of a store that is not there
            return False

    def remove(self) -> None:
        """Delete the object, if it is there."""
        with self._reached():
            if self.exists():
                self.place.remove()

    def encoded(self) -> bytes:
        """As it is written in the stub's file."""
        return orjson.dumps(asdict(self))

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except BadInput as error:
            check(self.store)
            raise Unavailable(
                f"{self.key} is not in the archive {self.store} any more. Put it back, see what else is there of its "
                f"day (`cuelight journal adopt`), or delete {layout.STUB} files of days that are lost."
            ) from error
        except (OSError, Unavailable) as error:
            said = str(error)
            raise Unavailable(said if self.store in said else unreachable(self.store, said)) from error


class _Reader:
    """An object that is read; what fails meanwhile is told as when it is opened."""

    def __init__(self, stub: Stub, file: Any) -> None:
        self._stub, self._file = stub, file

    def read(self, size: int = -1) -> bytes:
        """So many bytes from here on, or all."""
        with self._stub._reached():
            return bytes(self._file.read(None if size < 0 else size))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def root(store: str) -> Place:
    """An archive; raises BadInput if nothing reads such URLs."""
    return _root(store, os.getpid())


@functools.lru_cache(maxsize=8)
def _root(store: str, _process: int) -> Place:
    """The child of a fork has connections of its own."""
    from cuelight.kit.place import Place

    return Place.of(store)


def check(store: str) -> None:
    """Raise Unavailable if nothing answers there; a folder has to be made first, since it may be one to be mounted."""
    place = root(store)
    bucket = place if place.local else place.at(place.path.partition("/")[0])
    try:
        found = bucket.is_folder()
    except Unavailable as error:
        raise Unavailable(unreachable(store, str(error))) from error
    if not found:
        raise Unavailable(unreachable(store, f"there is no {bucket.path}"))


def unreachable(store: str, why: str) -> str:
    """What to do about an archive that does not answer, as a sentence."""
    return (
        f"The journal's archive {store} can't be reached: {why.rstrip('.')}. Mend the way to it, or its keys "
        "(`cuelight doctor`); days that are kept here can be read meanwhile."
    )


def made(store: str, folder: Path, path: Path) -> Stub:
    """The stub that a file of the journal in `folder` will have."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
        size = file.tell()
    name = f"{path.stem}.{digest.hexdigest()[:_SHOWN]}{path.suffix}"
    return Stub(store, path.relative_to(folder).with_name(name).as_posix(), digest.hexdigest(), size)


def read(path: Path) -> Stub | None:
    """What a stub's file says; None: it is gone."""
    try:
        return Stub(**orjson.loads(path.read_bytes()))
    except FileNotFoundError:
        return None


def of(path: Path) -> list[Stub]:
    """The objects that hold, or may hold, the content of a file: one, hardly ever two."""
    return [each for mark in (layout.stub(path), layout.going(path)) if (each := read(mark))]


def stores(folder: Path) -> dict[str, list[Stub]]:
    """By archive, the stubs in the journal's folder: where files are whose content is not here, or not only."""
    found: dict[str, list[Stub]] = defaultdict(list)
    for mark in folder.glob(f"*/model=*/date=*/host=*/.*{layout.STUB}"):
        if stub := read(mark):
            found[stub.store].append(stub)
    return found


def is_same(store: str, other: str) -> bool:
    """Whether two addresses are of one archive."""
    return store.rstrip("/") == other.rstrip("/")
