"""Who is on a track: the version that was put there last, by stage or by alias.

The registry keeps no order of arrivals: time stamps move with every edit of a description, and MLflow's own
call answers the highest number, which would make going back impossible. So the order is what one sweep shows
that the sweep before did not, and it is remembered from sweep to sweep.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cuelight.kit.errors import BadInput, Misconfigured
from cuelight.registry.flags import flag
from cuelight.registry.model import RegisteredModel, Snapshot, Track, VersionId
from cuelight.registry.tags import SERVE

STAGE = "stage"
_ALIAS = "alias:"


@dataclass(frozen=True, order=True)
class Claim:
    """A version that is on a track by its stage (`how` is `stage`) or by an alias (`alias:<name>`)."""

    model: str
    track: Track
    how: str
    version: VersionId

    def __str__(self) -> str:
        return f"{self.version} in {self.track} by {self.how.replace(':', ' ')}"


@dataclass(frozen=True)
class Loser:
    """A claim on a track that another version, put there later, holds."""

    claim: Claim
    winner: Claim

    def __str__(self) -> str:
        return f"{self.claim} gives way to {self.winner}, which was put there later"


@dataclass(frozen=True)
class TrackMemory:
    """What one sweep leaves to the next: the arrival number of each claim, and the models that are left out.

    `doubted` are claims that this sweep no longer showed and nothing replaced: they are forgotten if the next one
    agrees, and have lost no place if it does not.
    """

    arrivals: Mapping[Claim, int] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    doubted: frozenset[Claim] = frozenset()

    def to_json(self) -> str:
        """Text that `from_json` reads."""
        claims = [[*_plain(each), at] for each, at in sorted(self.arrivals.items())]
        doubted = [_plain(each) for each in sorted(self.doubted)]
        return json.dumps({"claims": claims, "left_out": sorted(self.left_out), "doubted": doubted})

    @classmethod
    def from_json(cls, text: str) -> TrackMemory:
        """Read what `to_json` wrote.

        Raises:
            BadInput: the text is something else; without memory, time stamps decide again.
        """
        try:
            document = json.loads(text)
            arrivals = {_claim(each[:-1]): int(each[-1]) for each in document["claims"]}
            doubted = frozenset(_claim(each) for each in document["doubted"])
            return cls(arrivals, frozenset(document["left_out"]), doubted)
        except (ValueError, TypeError, KeyError) as error:
            raise BadInput(
                "The memory of tracks can't be read: remove the file, and time stamps decide anew."
            ) from error


def _plain(claim: Claim) -> list[Any]:
    version = claim.version
    return [claim.model, claim.track.value, claim.how, version.version, version.created_ms, version.source]


def _claim(parts: list[Any]) -> Claim:
    model, track, how, version, created, source = parts
    return Claim(model, Track(track), how, VersionId(model, int(version), int(created), source))


@dataclass(frozen=True)
class Assignment:
    """Who is on each track, who is not though it claims to be, what could not be read, and what to remember."""

    winners: Mapping[tuple[str, Track], Claim]
    losers: tuple[Loser, ...]
    notes: tuple[str, ...]
    memory: TrackMemory

    @property
    def versions(self) -> dict[tuple[str, Track], VersionId]:
        """Who is on each track, however they came there."""
        return {key: claim.version for key, claim in self.winners.items()}


def alias_map(production: str, staging: str) -> dict[str, Track]:
    """Aliases to tracks, from two comma-separated settings; of two new aliases, the one named first wins.

    Raises:
        Misconfigured: an alias is in both.
    """
    aliases: dict[str, Track] = {}
    for track, names in ((Track.PRODUCTION, production), (Track.STAGING, staging)):
        for name in filter(None, (each.strip() for each in names.split(","))):
            if aliases.setdefault(name, track) is not track:
                raise Misconfigured(f"Alias {name!r} can't mean both Production and Staging: change one setting.")
    return aliases


def assign(snapshot: Snapshot, memory: TrackMemory, aliases: Mapping[str, Track]) -> Assignment:
    """Decide every track of every model from one good reading and the memory of the one before.

    Claims that are new get the next arrival numbers: stages first, by time stamp and version number, then
    aliases; the highest number on a track wins. A claim that was withdrawn (its version is there, in another stage)
    is forgotten; one that just isn't there any more is doubted for one reading, and its track has no winner then.
    """
    claims = list(_claims(snapshot, aliases))
    doubted = frozenset(_doubted(memory, frozenset(claims), snapshot))
    arrivals = {each: memory.arrivals[each] for each in (*claims, *doubted) if each in memory.arrivals}
    order = {name: -index for index, name in enumerate(aliases)}
    new = sorted((each for each in claims if each not in arrivals), key=lambda each: _newness(each, snapshot, order))
    highest = max(memory.arrivals.values(), default=0)
    arrivals |= {each: highest + step for step, each in enumerate(new, start=1)}

    left_out, notes = _left_out(snapshot, memory)
    winners: dict[tuple[str, Track], Claim] = {}
    for claim in sorted(arrivals, key=arrivals.__getitem__):
        if claim.model not in left_out:
            winners[claim.model, claim.track] = claim
    winners = {key: claim for key, claim in winners.items() if claim not in doubted}
    losers = _losers(arrivals.keys() - doubted, winners)
    return Assignment(winners, tuple(losers), tuple(notes), TrackMemory(arrivals, left_out, doubted))


def _doubted(memory: TrackMemory, claims: frozenset[Claim], snapshot: Snapshot) -> Iterator[Claim]:
    for claim in memory.arrivals.keys() - claims - memory.doubted:
        model = snapshot.models.get(claim.model)
        present = model.versions.get(claim.version.version) if model else None
        withdrawn = claim.how == STAGE and present is not None and present.id == claim.version
        if not withdrawn:
            yield claim


def _claims(snapshot: Snapshot, aliases: Mapping[str, Track]) -> Iterator[Claim]:
    for model in snapshot.models.values():
        ready = {number: each for number, each in model.versions.items() if each.status == "READY"}
        for each in ready.values():
            if each.stage in (Track.PRODUCTION, Track.STAGING):
                yield Claim(model.name, Track(each.stage), STAGE, each.id)
        for alias, number in model.aliases.items():
            if alias in aliases and number in ready:
                yield Claim(model.name, aliases[alias], _ALIAS + alias, ready[number].id)


def _newness(claim: Claim, snapshot: Snapshot, order: Mapping[str, int]) -> tuple[bool, int, int, int]:
    if claim.how != STAGE:
        return True, order[claim.how.removeprefix(_ALIAS)], 0, claim.version.version
    version = snapshot.models[claim.model].versions[claim.version.version]
    return False, 0, version.updated_ms, version.version


def _left_out(snapshot: Snapshot, memory: TrackMemory) -> tuple[frozenset[str], list[str]]:
    chosen, notes = set(), []
    for model in snapshot.models.values():
        serve = _served(model)
        if serve is None:
            now = "left out" if model.name in memory.left_out else "served"
            notes.append(
                f"{model.name}: tag {SERVE} = {model.tags[SERVE]!r} is neither true nor false; it stays {now}."
            )
            serve = model.name not in memory.left_out
        if not serve:
            chosen.add(model.name)
    return frozenset(chosen), notes


def _served(model: RegisteredModel) -> bool | None:
    return flag(model.tags[SERVE]) if SERVE in model.tags else True


def _losers(claims: Iterable[Claim], winners: Mapping[tuple[str, Track], Claim]) -> Iterator[Loser]:
    for claim in sorted(claims):
        winner = winners.get((claim.model, claim.track))
        if winner is not None and claim.version != winner.version:
            yield Loser(claim, winner)
