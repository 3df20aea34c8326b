"""What the tags of versions should say in MLflow: how far each has come, and why. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cuelight.registry.model import VersionId
from cuelight.registry.tracks import Loser
from cuelight.serving.host.deployment import Deployment
from cuelight.serving.host.facts import Fact, Phase
from cuelight.serving.rollouts.recall import Recall

READY, SERVING, REFUSED, FAILED, ROLLED_BACK = "ready", "serving", "refused", "failed", "rolled-back"
_STATES = {Phase.UNKNOWN: "fetching", Phase.FETCHED: "trial", Phase.READY: READY, Phase.REFUSED: REFUSED}


@dataclass(frozen=True)
class Status:
    """What a version's tags should say."""

    state: str
    reason: str


def statuses(
    known: Mapping[VersionId, Fact],
    wanted: frozenset[VersionId],
    committed: Deployment,
    losers: tuple[Loser, ...] = (),
    recalls: tuple[Recall, ...] = (),
    notes: Mapping[VersionId, str] | None = None,
) -> dict[VersionId, Status]:
    """The tags of every version that is on a track, serves, or was looked at; `notes` are added to those that serve."""
    result: dict[VersionId, Status] = {}
    for version in wanted | known.keys():
        fact = known.get(version, Fact())
        if version in wanted or fact.phase in (Phase.READY, Phase.REFUSED):
            result[version] = progress(fact)
    for loser in losers:
        result[loser.claim.version] = Status(READY, f"Not served: {loser}.")
    for served in committed.residents():
        on = [f"{track} ({each.why})" for (_, track), each in committed.tracks.items() if each.id == served.id]
        if on:
            note = (notes or {}).get(served.id, "")
            result[served.id] = Status(SERVING, f"Serves {' and '.join(on)}. {note}".strip())
    for recall in recalls:
        result[recall.version] = Status(ROLLED_BACK, recall.reason)
    return result


def progress(fact: Fact) -> Status:
    """How far a version is that does not serve; one that failed is tried again, one that is refused is not."""
    passing = fact.phase == Phase.REFUSED and fact.retry_at < float("inf")
    return Status(FAILED if passing else _STATES[fact.phase], fact.reason)
