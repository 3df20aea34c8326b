"""What DuckDB reads of the archive: files by their path here, of which only the stub is left, where they are now."""

from __future__ import annotations

import errno
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsspec import AbstractFileSystem

from cuelight.journal import layout, stubs

if TYPE_CHECKING:
    import duckdb


class Archived(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Reads stubs for their objects; only the parts that are asked for are fetched."""

    protocol = layout.AWAY.removesuffix("://")
    cachable = False

    def _open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        if mode != "rb":
            raise OSError(errno.EROFS, "What is archived is only read", path)
        return self._stub(path).open()

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        return {"name": path, "size": self._stub(path).size, "type": "file"}

    def exists(self, path: str, **_: Any) -> bool:
        return layout.stub(self._here(path)).exists()

    def glob(self, path: str, **_: Any) -> list[str]:
        """Names are taken as they are: brackets in the journal's own path are no pattern."""
        return [str(self._here(path))] if self.exists(path) else []

    def modified(self, path: str) -> datetime:
        return datetime.fromtimestamp(layout.stub(self._here(path)).stat().st_mtime, UTC)

    def _stub(self, path: str) -> stubs.Stub:
        found = stubs.read(layout.stub(self._here(path)))
        if found is None:
            raise FileNotFoundError(errno.ENOENT, "It was archived, and is not now", path)
        return found

    def _here(self, path: str) -> Path:
        return Path(self._strip_protocol(path))


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Have a database read what is archived."""
    if Archived.protocol not in connection.list_filesystems():
        connection.register_filesystem(Archived())
