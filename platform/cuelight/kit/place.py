"""Where files lie: a local path, or a URL of an object store, by PyArrow's file systems or else by fsspec's.

What S3 needs besides (its endpoint, region, keys) is read from the environment and the files of AWS's own tools.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pyarrow as pa
import pyarrow.fs as pafs

from cuelight.kit import files
from cuelight.kit.errors import BadInput, Unavailable

_WILD = re.compile(r"[*?\[]")
_BLOCK = 8 << 20  # bytes
_ENDPOINTS = "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"
_REGIONS = "AWS_REGION", "AWS_DEFAULT_REGION"
# What does not answer costs some seconds, and is tried again by whoever asked.
_CONNECT_SECONDS, _SILENT_SECONDS, _ATTEMPTS = 3, 10, 2


@dataclass(frozen=True)
class Place:
    """A path on the file system that `url` names; what is not local has no folders to make, and no rename."""

    url: str
    path: str

    @classmethod
    def of(cls, url: str) -> Place:
        """The place that a path or a URL names.

        Raises:
            BadInput: nothing here knows such URLs.
        """
        if "://" not in url:
            return cls("", str(Path(url).absolute()))
        system, path = _open(url)
        place = cls("" if isinstance(system, pafs.LocalFileSystem) else url, path)
        vars(place)["_system"] = system
        return place

    @cached_property
    def _system(self) -> pafs.FileSystem:
        return _open(self.url)[0] if self.url else pafs.LocalFileSystem()

    @property
    def local(self) -> Path | None:
        """The path, if it is one of this machine."""
        return None if self.url else Path(self.path)

    def at(self, path: str) -> Place:
        """Another path on the same file system, by the same connections."""
        place = replace(self, path=path)
        vars(place)["_system"] = self._system
        return place

    def __getstate__(self) -> dict[str, str]:
        """Another process connects by itself, as its environment says."""
        return {"url": self.url, "path": self.path}

    def within(self, name: str) -> Place:
        """What is called so in this folder."""
        return self.at(f"{self.path.rstrip('/')}/{name}")

    def matching(self) -> list[str]:
        """Paths of the files that this path, in which `*`, `?` and `[...]` are patterns, stands for; in their order.

        A pattern stands for no `/`, and names that begin with `.` or `_` match none.
        """
        if not _WILD.search(self.path):
            return [self.path] if self.exists() else []
        wanted = self.path.split("/")
        depth = next(number for number, each in enumerate(wanted) if _WILD.search(each))
        found = self.at("/".join(wanted[:depth]) or "/").listed(deep=depth < len(wanted) - 1)
        return [each for each in found if _matches(each.split("/"), wanted)]

    def listed(self, deep: bool = False) -> list[str]:
        """Paths of the files in this folder, in their order; `deep`: in folders in it, too."""
        return sorted(self.sizes(deep))

    def sizes(self, deep: bool = False) -> dict[str, int]:
        """The same files, each with its bytes."""
        selector = pafs.FileSelector(self.path, recursive=deep, allow_not_found=True)
        with _reached(self.path):
            found = self._system.get_file_info(selector)
        return {each.path: each.size for each in found if each.type == pafs.FileType.File}

    def exists(self) -> bool:
        """Whether there is a file."""
        with _reached(self.path):
            found = self._system.get_file_info(self.path)
        return bool(found.type == pafs.FileType.File)

    def is_folder(self) -> bool:
        """Whether there is a folder, or a bucket."""
        with _reached(self.path):
            found = self._system.get_file_info(self.path)
        return bool(found.type == pafs.FileType.Directory)

    def stamp(self) -> str:
        """The file's size, and when it was written, as its system has it: with another one, it was written anew."""
        with _reached(self.path):
            found = self._system.get_file_info(self.path)
        return f"{found.size} {found.mtime_ns}"

    def open(self) -> Any:
        """The file, to be read from any position.

        Raises:
            BadInput: there is none.
        """
        with _reached(self.path):
            return self._system.open_input_file(self.path)

    def read(self) -> bytes:
        """All of the file."""
        with self.open() as file:
            return bytes(file.read())

    def write(self, content: bytes) -> None:
        """Put a file there, whole or not at all."""
        with _reached(self.path):
            if self.local:
                files.replace(self.local, content)
                return
            with self._system.open_output_stream(self.path) as file:
                file.write(content)

    def copy(self, source: Path) -> None:
        """Put a local file's content there, in several parts where it is large."""
        if self.local:
            files.replace(self.local, source.read_bytes())
            return
        with _reached(self.path), source.open("rb") as given, self._system.open_output_stream(self.path) as file:
            shutil.copyfileobj(given, file, _BLOCK)

    def remove(self) -> None:
        """Delete the file."""
        with _reached(self.path):
            self._system.delete_file(self.path)


def _open(url: str) -> tuple[pafs.FileSystem, str]:
    if url.startswith("s3://"):
        return _s3(url)
    try:
        system, path = pafs.FileSystem.from_uri(url)
        return system, path
    except pa.ArrowInvalid:  # PyArrow knows no such URLs; fsspec may
        return _by_fsspec(url)


def _s3(url: str) -> tuple[pafs.FileSystem, str]:
    """As PyArrow reads such URLs, and the environment that it passes by; with an end to its patience."""
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query))
    if "@" in parts.netloc or not given.keys() <= {"region", "scheme", "endpoint_override"}:
        raise BadInput(f"s3://{parts.hostname}: keys and options come from the environment, such as AWS_ACCESS_KEY_ID.")
    with _reached(parts.netloc):
        given.setdefault("endpoint_override", next(filter(None, map(os.environ.get, _ENDPOINTS)), ""))
        if not any(map(os.environ.get, _REGIONS)) and not given["endpoint_override"]:
            given.setdefault("region", pafs.resolve_s3_region(parts.netloc))
        system = pafs.S3FileSystem(
            connect_timeout=_CONNECT_SECONDS,
            request_timeout=_SILENT_SECONDS,
            retry_strategy=pafs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
            **given,
        )
    return system, f"{parts.netloc}{unquote(parts.path)}".rstrip("/")


def _by_fsspec(url: str) -> tuple[pafs.FileSystem, str]:
    scheme = url.partition("://")[0]
    try:
        import fsspec

        system, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise BadInput(f"Nothing here reads {scheme}:// URLs ({error}). Install fsspec's library for them.") from error
    return pafs.PyFileSystem(pafs.FSSpecHandler(system)), path


def _matches(parts: list[str], wanted: list[str]) -> bool:
    pairs = list(zip(parts, wanted, strict=False))
    return len(parts) == len(wanted) and all(
        one == other or (fnmatchcase(one, other) and one[:1] not in ("", ".", "_")) for one, other in pairs
    )


@contextmanager
def _reached(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise BadInput(f"There is no file {path}.") from error
    except (pa.ArrowException, OSError) as error:
        raise Unavailable(f"{path}: {error}") from error
