"""A model as it lies in memory, on disk: made by the trial, mapped by every worker.

Reading a forest from its skops file keeps the interpreter busy for 200 ms, and every request with it; from its image,
for 10. The arrays are not read at all: workers map them, and share their pages for as long as nobody writes to them.

An image is a pickle. So there is one for signed versions alone, which may run code anyway: an unsigned one, loaded
with listed types only, must not come by a pickle of what it was loaded into. It serves only if its digest is the one
that the trial wrote down, under the packages it was made with; else the version's own file does.

The file: the length of the index (8 bytes, little-endian), the index as JSON, the pickle (protocol 5), and its
buffers, each part from a multiple of 64 bytes on.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import mmap
import pickle
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cuelight.kit import files

MAKE = "make"  # in place of a digest: write one
_ALIGNMENT, _LENGTH_BYTES = 64, 8


def beside(folder: Path) -> Path:
    """Where the image of the version with files in `folder` lies."""
    return folder.parent / "image"


def write(model: Any, path: Path) -> str:
    """Make the image of `model`; its SHA-256, or nothing where it can't be pickled (a class of its own) or written."""
    stream, buffers = io.BytesIO(), list[pickle.PickleBuffer]()
    pickler = _Pickler(stream, protocol=5, buffer_callback=buffers.append)
    try:
        pickler.dump(model)
        parts: list[Any] = [stream.getvalue(), *(each.raw() for each in buffers)]
        packages = {name: _version(name) for name in sorted(pickler.packages)}
        index = json.dumps({"packages": packages, "lengths": [len(each) for each in parts]}).encode()
        content = b"".join(_padded([len(index).to_bytes(_LENGTH_BYTES, "little") + index, *parts]))
        files.replace(path, content, 0o444)
    except Exception:  # noqa: BLE001  a model may raise anything, and so may a full disk
        return ""
    return hashlib.sha256(content).hexdigest()


def read(path: Path, digest: str) -> Any:
    """The model of that image; None: it is not here, not that one, made under other packages, or can't be read."""
    try:
        with path.open("rb") as file:
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        if hashlib.sha256(content).hexdigest() != digest:
            return None
        index, parts = _parts(content)
        if any(_version(name) != version for name, version in index["packages"].items()):
            return None
        return pickle.loads(parts[0], buffers=parts[1:])  # noqa: S301  signed, and made by our own trial
    except Exception:  # noqa: BLE001  the version's own file is still there
        return None


class _Pickler(pickle.Pickler):
    """Notes the top-level packages of what it pickles."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.packages = {"sys"}

    def reducer_override(self, part: Any) -> Any:
        kind = part if isinstance(part, type) else type(part)
        self.packages.add(kind.__module__.partition(".")[0])
        return NotImplemented


def _version(package: str) -> str:
    return sys.version if package == "sys" else str(getattr(importlib.import_module(package), "__version__", ""))


def _padded(parts: Iterable[Any]) -> Iterator[Any]:
    for each in parts:
        yield each
        yield bytes(-len(each) % _ALIGNMENT)


def _parts(content: memoryview) -> tuple[Mapping[str, Any], list[memoryview]]:
    end = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
    index, parts = json.loads(bytes(content[_LENGTH_BYTES:end])), []
    for length in index["lengths"]:
        begin = end + -end % _ALIGNMENT
        end = begin + length
        parts.append(content[begin:end])
    return index, parts
