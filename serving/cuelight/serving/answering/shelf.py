"""What a worker can say of a guest, which it never has in memory: from what lies in the store."""

from __future__ import annotations

import time
from pathlib import Path

from cuelight.kit.errors import Unavailable
from cuelight.protocol.signature import Signature
from cuelight.serving.answering.choice import Choice
from cuelight.serving.host import guest_book
from cuelight.serving.host.facts import Phase
from cuelight.serving.host.guest_book import Guest
from cuelight.serving.host.places import Places
from cuelight.serving.host.repertoire import ASK_SECONDS, refusal
from cuelight.serving.host.wants import Wants
from cuelight.serving.versions.loader import describe
from cuelight.serving.versions.store import ModelStore


class Shelf:
    """The store in `folder`, and a way to have something brought there."""

    def __init__(self, folder: Path) -> None:
        places = Places(folder)
        self._store, self._wants, self._book = ModelStore(places.store), Wants(places.wants), places.guests

    def guests(self) -> list[Guest]:
        """What the annex has in memory."""
        return guest_book.read(self._book)

    def describe(self, choice: Choice) -> tuple[Signature, str]:
        """The signature and the flavor of a guest that can be loaded at any time.

        Raises:
            Refused: it is not, and why.
            Unavailable: it is not here yet; it is brought.
        """
        guest, served = choice.guest, choice.served
        assert guest is not None
        if guest.phase == Phase.READY and self._store.has(served.digest):
            return describe(self._store.entry(served.digest).files)
        self._wants.add(served.id.name, served.id.version)
        raise refusal(str(served.id), guest, time.time()) or Unavailable(
            f"{served.id} is being fetched and tried: try again.", ASK_SECONDS
        )
