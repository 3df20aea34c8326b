"""Versions that the registry has on a track, and that this host took off again: a rollback. Pure.

A recall is in force for as long as the registry goes on having the version on that track. Once it does not, the recall
is only remembered, so that the version's tags go on saying what happened; once the version is put there anew, it is
forgotten: somebody means it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import asdict, dataclass, replace
from typing import Any

from cuelight.registry.model import Snapshot, Track, VersionId
from cuelight.registry.tracks import Assignment
from cuelight.serving.host.changes import Line
from cuelight.serving.host.deployment import Key, Served, served_from


@dataclass(frozen=True)
class Recall:
    """`version` was taken off `track`, at a moment in epoch seconds; `instead` answers there.

    None instead: it was a canary, which has no share of the traffic any more and stays in Staging. `by`: who did it;
    empty: Cuelight. `move`: the registry is to be brought in line, as soon as it can be.
    """

    version: VersionId
    track: Track
    reason: str
    at: float
    instead: Served | None = None
    by: str = ""
    move: bool = False
    in_force: bool = True

    @property
    def key(self) -> Key:
        """The track that it was taken off."""
        return self.version.name, self.track


def review(
    recalls: Iterable[Recall], assignment: Assignment, snapshot: Snapshot, canaries: Set[str]
) -> tuple[Recall, ...]:
    """The recalls after one more good reading; `canaries` are the models of which people want one now."""
    return tuple(_reviewed(recalls, assignment, snapshot, canaries))


def _reviewed(
    recalls: Iterable[Recall], assignment: Assignment, snapshot: Snapshot, canaries: Set[str]
) -> Iterator[Recall]:
    claimed = {(claim.version, claim.track) for claim in assignment.memory.arrivals}
    for each in recalls:
        on_track = (each.version, each.track) in claimed
        wanted_again = each.instead is None and each.version.name in canaries
        if (on_track and not each.in_force) or (on_track and wanted_again):
            continue
        if on_track or _exists(each.version, snapshot):
            yield replace(each, in_force=on_track, move=each.move and _is_open(each, on_track, assignment))


def _is_open(recall: Recall, on_track: bool, assignment: Assignment) -> bool:
    """Whether the registry is still to be moved: it has the version there, and nobody has put a third one there."""
    winner = assignment.winners.get(recall.key)
    if winner is None or recall.instead is None:
        return winner is None
    return on_track and winner.version in (recall.version, recall.instead.id)


def to_move(recalls: Iterable[Recall], assignment: Assignment) -> tuple[Recall, ...]:
    """Those for which the registry can be moved now."""
    return tuple(each for each in recalls if each.move and each.in_force and each.key in assignment.winners)


def settled(before: Iterable[Recall], after: Iterable[Recall], assignment: Assignment) -> Iterator[Line]:
    """What became of those for which the registry was to be moved, as lines for the history."""
    still = {(each.version, each.track) for each in after if each.move}
    for each in before:
        if each.move and each.instead and (each.version, each.track) not in still:
            winner = assignment.winners.get(each.key)
            number = winner.version.version if winner else None
            outcome = "moved" if winner and winner.version == each.instead.id else "overruled"
            detail = {"outcome": outcome, "to": each.instead.id.version, "in_production": number, "by": each.by}
            yield Line("rollback-settled", each.version.name, each.version.version, detail)


def _exists(version: VersionId, snapshot: Snapshot) -> bool:
    model = snapshot.models.get(version.name)
    found = model.versions.get(version.version) if model else None
    return found is not None and found.id == version


def to_json(recalls: Iterable[Recall]) -> list[dict[str, Any]]:
    """A document that `from_json` reads."""
    return [asdict(each) for each in recalls]


def from_json(document: Iterable[Mapping[str, Any]]) -> tuple[Recall, ...]:
    """What `to_json` wrote."""
    return tuple(
        Recall(
            **{
                **each,
                "version": VersionId(**each["version"]),
                "track": Track(each["track"]),
                "instead": served_from(each["instead"]) if each["instead"] else None,
            }
        )
        for each in document
    )
