"""The last edits, in a file beside the MLflow server: its worker processes share it, and it outlives them."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from cuelight.registry.edits import Edit

_BUSY_SECONDS = 5.0  # on a machine whose disk is busy each writer takes tenths of a second
_TABLE = "CREATE TABLE IF NOT EXISTS edits (number INTEGER PRIMARY KEY, document TEXT NOT NULL)"
_ADD = "INSERT INTO edits SELECT max(?, coalesce(max(number), 0) + 1), ? FROM edits"
_FORGET = "DELETE FROM edits WHERE number <= (SELECT number FROM edits ORDER BY number DESC LIMIT 1 OFFSET ?)"
_AFTER = "SELECT number, document FROM edits WHERE number > ? ORDER BY number DESC LIMIT ?"


class EditLog:
    """Keeps the newest `most` edits. Calls open the file anew: they are few, and come from any thread.

    Numbers are the time in ms, or one more than the last: they rise also when the file was lost.

    All calls raise `sqlite3.Error` where the file can't be had.
    """

    def __init__(self, path: Path, most: int = 1000) -> None:
        self._path = path
        self._most = most
        self._looker: sqlite3.Connection | None = None
        self._stamp = 0

    def add(self, edit: Edit) -> None:
        """Keep an edit, under the next number."""
        with self._open() as connection:
            connection.execute(_ADD, (time.time_ns() // 1_000_000, json.dumps(edit.to_json())))
            connection.execute(_FORGET, (self._most,))

    def after(self, number: int) -> list[Edit]:
        """The edits above `number`, oldest first."""
        with self._open() as connection:
            rows = connection.execute(_AFTER, (number, self._most)).fetchall()
        return [Edit.from_json(json.loads(document) | {"number": at}) for at, document in reversed(rows)]

    def stamp(self) -> int:
        """A number that is another one after every edit; for one thread, which it never holds up.

        It is SQLite's own. Looking into the file without SQLite would let go of its locks: POSIX drops those of a
        process with any descriptor that it closes.
        """
        if self._looker is None:
            self._looker = sqlite3.connect(self._path, timeout=0.0)
        with suppress(sqlite3.OperationalError):  # somebody is writing: what they write shows at the next look
            self._stamp = int(self._looker.execute("PRAGMA data_version").fetchone()[0])
        return self._stamp

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS)) as connection, connection:
            connection.execute(_TABLE)
            yield connection
