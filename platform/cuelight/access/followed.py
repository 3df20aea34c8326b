"""A file that others replace, and what it says now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from cuelight.kit.errors import Misconfigured
from cuelight.kit.log import Log

T = TypeVar("T")
_LOG = Log("access.followed")


class Followed(Generic[T]):
    """The content of `path` as `parse` reads it; `value` stays what it was while the file is away or can't be read."""

    def __init__(self, path: Path, parse: Callable[[bytes], T], empty: T) -> None:
        self._path, self._parse = path, parse
        self._seen: tuple[int, ...] = ()
        self.value = empty

    def refresh(self) -> bool:
        """Look whether the file is another; True: `value` is new."""
        try:
            status = self._path.stat()
            seen = status.st_mtime_ns, status.st_ino, status.st_size
            if seen == self._seen:
                return False
            self._seen = seen
            self.value = self._parse(self._path.read_bytes())
        except FileNotFoundError:
            return False
        except OSError as fault:
            self._seen = ()  # the file may be fine: look again
            _LOG.exception(f"not-read {self._path.name}", fault)
            return False
        except Misconfigured as fault:
            _LOG.exception(f"not-read {self._path.name}", fault)
            return False
        return True
