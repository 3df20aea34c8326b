"""Every registered version that a caller may ask for: a file that the follower writes and the workers read.

Workers never talk to the registry, and a deployment names only what is on a track. This says what else there is, and
how far each version has come on this host.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from cuelight.kit import files
from cuelight.kit.errors import CuelightError, Refused, Unavailable
from cuelight.kit.log import Log
from cuelight.serving.host.facts import Phase

ASK_SECONDS = 5.0  # so often the follower hears of what is still waited for; fetching and trying takes about as long
_MOST_NAMED = 20


class Listing(Struct, frozen=True, array_like=True):
    """One version; `digest` and what follows as far as they are known on this host.

    A `reason` says why it is refused; it is looked at again at `retry_at` (epoch seconds), or, at 0, when something
    changes.
    """

    version: int
    created_ms: int
    run_id: str = ""
    phase: Phase = Phase.UNKNOWN
    digest: str = ""
    signed_by: str = ""
    reason: str = ""
    retry_at: float = 0.0


class Listed(Struct, frozen=True):
    """One registered model: its versions by number, its aliases, its personal columns, and that of labels' keys."""

    versions: Mapping[int, Listing] = {}
    aliases: Mapping[str, int] = {}
    personal: tuple[str, ...] = ()
    key: str = ""


class Repertoire(Struct, frozen=True):
    """All registered models but those that are left out of serving."""

    models: Mapping[str, Listed] = {}

    def find(self, model: str, version: int) -> Listing | None:
        """What is known of a version; None: there is none of that number."""
        return self.models[model].versions.get(version) if model in self.models else None

    def aliases(self, model: str) -> Mapping[str, int]:
        """A model's aliases."""
        return self.models[model].aliases if model in self.models else {}

    def key(self, model: str) -> str:
        """The input column that a model's labels may name rows by; empty: none."""
        return self.models[model].key if model in self.models else ""

    def versions(self, model: str) -> str:
        """A model's versions in words, the newest first."""
        known = self.models[model].versions if model in self.models else {}
        return named(str(each) for each in sorted(known, reverse=True))


NOTHING = Repertoire()


def named(names: Iterable[str]) -> str:
    """Names as a message lists them: the first twenty, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - _MOST_NAMED} more" if len(every) > _MOST_NAMED else ""
    return ", ".join(every[:_MOST_NAMED]) + more


def refusal(name: str, listing: Listing, now: float) -> CuelightError | None:
    """Why that version can't be served, in words for a caller; `now` in epoch seconds."""
    if listing.phase != Phase.REFUSED:
        return None
    message = f"{name} can't be served. {listing.reason}"
    return Unavailable(message, max(1.0, listing.retry_at - now)) if listing.retry_at else Refused(message)


def write(path: Path, repertoire: Repertoire) -> None:
    """Put it where workers look."""
    files.replace(path, msgspec.json.encode(repertoire))


class Reader:
    """What the file at `path` says; what can't be read changes nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._decoder = msgspec.json.Decoder(Repertoire)
        self.repertoire = NOTHING

    def look(self) -> bool:
        """Read the file if it is another one than before; True: it is."""
        try:
            found = self._path.stat()
            mark = found.st_mtime_ns, found.st_ino, found.st_size
            if mark == self._seen:
                return False
            self._seen = mark
            self.repertoire = self._decoder.decode(self._path.read_bytes())
        except FileNotFoundError:
            return False
        except (OSError, msgspec.DecodeError) as error:
            Log("serving.repertoire").warning("repertoire-unreadable", f"{self._path}: {error}")
            return False
        return True
