"""When a writer signs where its chain ends: with its first row, then at most once a minute, and when it is done."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.exc import IntegrityError

from cuelight.kit.clock import Clock
from cuelight.kit.errors import CuelightError
from cuelight.kit.log import Log
from cuelight.kit.signing import SigningKey
from cuelight.operations import heads
from cuelight.operations.engine import Database
from cuelight.operations.heads import SignedHead

_SECONDS = 60.0


class Seal:
    """Signs the head of `writer`'s chain by the key in the folder `keys`.

    What can't be signed now is recorded all the same: it is tried again, and the log says why.
    """

    def __init__(self, database: Database, writer: str, keys: Path, clock: Clock) -> None:
        self._database, self._writer, self._keys, self._clock = database, writer, keys, clock
        self._key: SigningKey | None = None
        self._due = False
        self._tried = float("-inf")

    def grown(self) -> None:
        """The chain has a new row."""
        self._due = True
        self.renew()

    def renew(self, at_once: bool = False) -> None:
        """Sign, if rows of this process wait for it, and a minute is over (or it must be `at_once`)."""
        now = self._clock.monotonic()
        if not self._due or (now - self._tried < _SECONDS and not at_once):
            return
        self._tried = now
        try:
            self._sign()
        except (CuelightError, OSError) as error:
            Log("operations").warning("head-not-signed", f"The history is not signed: {error}")
        else:
            self._due = False

    def _sign(self) -> None:
        self._key = self._key or SigningKey.load_or_create(self._keys)
        with self._database.reading() as connection:
            head = heads.present(connection, self._writer, self._clock.now())
        if head is None:
            return
        try:
            with self._database.writing() as connection:
                heads.add(connection, SignedHead(head, self._key.sign(head)))
        except IntegrityError:  # another process of this host has just signed the same row
            return
