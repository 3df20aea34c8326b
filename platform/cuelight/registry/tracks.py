"""Who is on a track: the version that was put there last, by stage or by alias.

The registry keeps no order of arrivals: time stamps move with every edit of a description, and MLflow's own
call answers the highest number, which would make going back impossible. So the order is what one sweep shows
that the sweep before did not, and it is remembered from sweep to sweep.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cuelight.kit.errors import BadInput, Misconfigured
from cuelight.registry.model import RegisteredModel, Snapshot, Track, VersionId
from cuelight.registry.tags import SERVE

STAGE = "stage"
_ALIAS = "alias:"
_SERVE_VALUES = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}


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
    """What one sweep leaves to the next: the arrival number of each claim, and the models that are left out."""

    arrivals: Mapping[Claim, int] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()

    def to_json(self) -> str:
        """Text that `from_json` reads."""
        claims = [
            [
                each.model,
                each.track.value,
                each.how,
                each.version.version,
                each.version.created_ms,
                each.version.source,
                at,
            ]
            for each, at in sorted(self.arrivals.items())
        ]
        return json.dumps({"claims": claims, "left_out": sorted(self.left_out)})

    @classmethod
    def from_json(cls, text: str) -> TrackMemory:
        """Read what `to_json` wrote.

        Raises:
            BadInput: the text is something else; without memory, time stamps decide again.
        """
        try:
            document = json.loads(text)
            arrivals = {
                Claim(model, Track(track), how, VersionId(model, int(version), int(created), source)): int(at)
                for model, track, how, version, created, source, at in document["claims"]
            }
            return cls(arrivals, frozenset(document["left_out"]))
        except (ValueError, TypeError, KeyError) as error:
            raise BadInput(
                "The memory of tracks can't be read: remove the file, and time stamps decide anew."
            ) from error


@dataclass(frozen=True)
class Assignment:
    """Who is on each track, who is not though it claims to be, what could not be read, and what to remember."""

    winners: Mapping[tuple[str, Track], Claim]
    losers: tuple[Loser, ...]
    notes: tuple[str, ...]
    memory: TrackMemory


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
    aliases; claims that are gone are forgotten; the highest number on a track wins.
    """
    claims = list(_claims(snapshot, aliases))
    arrivals = {each: memory.arrivals[each] for each in claims if each in memory.arrivals}
    order = {name: -index for index, name in enumerate(aliases)}
    new = sorted((each for each in claims if each not in arrivals), key=lambda each: _newness(each, snapshot, order))
    highest = max(memory.arrivals.values(), default=0)
    arrivals |= {each: highest + step for step, each in enumerate(new, start=1)}

    left_out, notes = _left_out(snapshot, memory)
    winners: dict[tuple[str, Track], Claim] = {}
    for claim in sorted(arrivals, key=arrivals.__getitem__):
        if claim.model not in left_out:
            winners[claim.model, claim.track] = claim
    return Assignment(winners, tuple(_losers(arrivals, winners)), tuple(notes), TrackMemory(arrivals, left_out))


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
    return _SERVE_VALUES.get(model.tags[SERVE].strip().lower()) if SERVE in model.tags else True


def _losers(arrivals: Mapping[Claim, int], winners: Mapping[tuple[str, Track], Claim]) -> Iterator[Loser]:
    for claim in sorted(arrivals):
        winner = winners.get((claim.model, claim.track))
        if winner is not None and claim.version != winner.version:
            yield Loser(claim, winner)
