"""Versions that are wanted on a track and can't be had now: what this machine's followers have noted of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from cuelight.kit.settings import Settings
from cuelight.operations.replicas import Replica
from cuelight.registry.tracks import Claim, TrackMemory
from cuelight.serving.following.ledger import Ledger
from cuelight.serving.host.facts import Phase
from cuelight.serving.host.places import Places


@dataclass(frozen=True)
class Waiting:
    """A version that a replica looks at again at `retry_at` (epoch seconds), and why."""

    replica: str
    model: str
    track: str
    version: int
    reason: str
    retry_at: float


def waiting(settings: Settings, replica: Replica) -> Iterator[Waiting]:
    """Those of a replica of this machine; none of one elsewhere, whose notes are there."""
    ledger = Ledger(Places(settings.serving_folder_of(replica.name)).ledger)
    for claim in holders(ledger.tracks):
        fact = ledger.facts.get(claim.version)
        if fact and fact.phase is Phase.REFUSED and math.isfinite(fact.retry_at):
            track, number = claim.track.value, claim.version.version
            yield Waiting(replica.name, claim.model, track, number, fact.reason, fact.retry_at)


def holders(memory: TrackMemory) -> list[Claim]:
    """Who came last to each track, in the order of models. Pure."""
    last: dict[tuple[str, str], Claim] = {}
    for claim, _ in sorted(memory.arrivals.items(), key=lambda item: item[1]):
        last[claim.model, claim.track.value] = claim
    return [claim for _, claim in sorted(last.items())]
