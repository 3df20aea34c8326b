"""Artifacts in an object store: they stay there. A backup says which they are, and a restore whether they still are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from cuelight.cli.archives import archive
from cuelight.kit.errors import CuelightError
from cuelight.registry import object_store
from cuelight.registry.object_store import Stored

MEMBER = "objects/artifacts"
_SHOWN = 10


@dataclass(frozen=True)
class Check:
    """How the store at `uri` stands to a backup's list of `known` objects: names of those that are gone, and of others
    by a name in it; `fault` says why it could not be asked.
    """

    uri: str
    known: int = 0
    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    fault: str = ""

    @property
    def well(self) -> bool:
        """Whether all is there."""
        return not (self.missing or self.changed or self.fault)

    def sentences(self) -> Iterator[str]:
        """The same for people."""
        if self.fault:
            yield f"Whether artifacts are there could not be seen: {self.fault}"
        elif self.well:
            yield f"All {self.known:,} artifacts are in {self.uri}."
        for what, names in (("missing", self.missing), ("not what they were", self.changed)):
            if names:
                yield f"Of {self.known:,} artifacts, {len(names):,} are {what} in {self.uri}: {_some(names)}."


def lines(uri: str) -> Iterator[bytes]:
    """A line for each object: its name below `uri`, its size, and its `ETag`.

    Raises:
        CuelightError: as `object_store.listed`.
    """
    for each in object_store.listed(uri):
        yield json.dumps(asdict(each), separators=(",", ":")).encode() + b"\n"


def check(file: Path, uri: str) -> Check:
    """Hold what is at `uri` against the list in a backup, if the store answers.

    An `ETag` depends on the parts that an object came in, too (there is a `-` in it then): a copy may have another one,
    and the size has to do.
    """
    try:
        there = {each.name: each for each in object_store.listed(uri)}
    except CuelightError as error:
        return Check(uri, fault=str(error))
    known = [Stored(**json.loads(line)) for _, stream in archive.content(file, MEMBER) for line in stream]
    missing = tuple(each.name for each in known if each.name not in there)
    changed = tuple(each.name for each in known if each.name in there and not _same(each, there[each.name]))
    return Check(uri, len(known), missing, changed)


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else "")


def _same(before: Stored, now: Stored) -> bool:
    if before.size != now.size:
        return False
    return before.etag == now.etag or "-" in before.etag + now.etag
