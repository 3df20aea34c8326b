"""What each replica serves of one model. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cuelight.monitoring.board.view import DOWN, DRAINING, READY, STARTING, Seen, generation, usual


@dataclass(frozen=True)
class Place:
    """A version on a track of one replica; `way` says by which means it predicts, empty while it is not loaded."""

    track: str
    version: int
    way: str


@dataclass(frozen=True)
class Replica:
    """One replica: its `generation` (None: it does not say), and what it serves of the model."""

    name: str
    state: str
    generation: int | None
    places: tuple[Place, ...]
    trouble: str


def replicas(seen: Iterable[Seen], model: str) -> list[Replica]:
    """All of them, also those that serve nothing of it."""
    return [_replica(each, model) for each in seen]


def ready(seen: Iterable[Seen]) -> str:
    """The address of a replica that answers; empty: none does."""
    found = (each.replica.url for each in seen if each.document is not None and not each.replica.draining)
    return next(found, "")


def entry(seen: Iterable[Seen], model: str) -> Mapping[str, Any] | None:
    """What a replica says of the model that serves what most do; None: it is served nowhere."""
    document = usual(seen)
    return _entry(document, model) if document else None


def _replica(seen: Seen, model: str) -> Replica:
    document = seen.document
    if document is None:
        return Replica(seen.replica.name, STARTING if seen.trouble else DOWN, None, (), seen.trouble)
    served = _entry(document, model) or {"tracks": {}}
    places = tuple(
        Place(track, each["version"], each.get("way") or each.get("flavor") or "")
        for track, each in sorted(served["tracks"].items())
    )
    return Replica(seen.replica.name, DRAINING if seen.replica.draining else READY, generation(document), places, "")


def _entry(document: Mapping[str, Any], model: str) -> Mapping[str, Any] | None:
    return next((each for each in document["models"] if each["name"] == model), None)
