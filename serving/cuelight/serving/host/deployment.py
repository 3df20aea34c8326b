"""What one host serves: an immutable, numbered set of versions. Its number is the generation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from cuelight.journal.record import CANARY, CHAMPION, CONTROL
from cuelight.kit import files
from cuelight.kit.log import Log
from cuelight.registry.model import Track, VersionId
from cuelight.registry.personal import Personal
from cuelight.registry.traffic import Traffic

Key = tuple[str, Track]
_COMMITTED = "committed"
_log = Log("serving.deployment")


@dataclass(frozen=True)
class Served:
    """A version with its files' digest and who vouches for them, and why it is in charge since when (epoch seconds)."""

    id: VersionId
    digest: str
    signed_by: str
    run_id: str
    why: str
    since: float


@dataclass(frozen=True)
class Standby:
    """A former Production version, kept loaded until `until` (epoch seconds), so that going back is one write.

    `rival`: the version that took its place bakes, and is held against it; meanwhile it may keep at most `most` percent
    of the callers, as a control.
    """

    served: Served
    until: float
    rival: bool = False
    most: float = 0.0


@dataclass(frozen=True)
class Deployment:
    """Who answers for each (model, track), how a model's traffic is shared, and which of its columns are personal.

    Generation 0 is the empty one.
    """

    generation: int = 0
    created: float = 0.0
    tracks: Mapping[Key, Served] = field(default_factory=dict)
    aliases: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    standby: tuple[Standby, ...] = ()
    traffic: Mapping[str, Traffic] = field(default_factory=dict)
    personal: Personal = field(default_factory=dict)

    @cached_property
    def by_model(self) -> Mapping[str, Mapping[Track, Served]]:
        """Who is on each model's tracks."""
        models: dict[str, dict[Track, Served]] = {}
        for (name, track), served in self.tracks.items():
            models.setdefault(name, {})[track] = served
        return models

    @cached_property
    def rivals(self) -> Mapping[str, Standby]:
        """What each model's version in Production is held against while it bakes."""
        return {each.served.id.name: each for each in self.standby if each.rival}

    @cached_property
    def watched(self) -> frozenset[str]:
        """The models with a canary, or whose version in Production bakes."""
        return frozenset({name for name, each in self.traffic.items() if each.canary}) | self.rivals.keys()

    def beside(self, model: str, arm: str) -> tuple[Served, str] | None:
        """The version that an arm's is held against, and its arm; None where none is."""
        if model not in self.watched:
            return None
        tracks = self.by_model.get(model, {})
        if arm == CHAMPION:
            rival = self.rivals.get(model)
            served, beside = (rival.served, CONTROL) if rival else (tracks.get(Track.STAGING), CANARY)
        else:
            served, beside = tracks.get(Track.PRODUCTION) if arm in (CANARY, CONTROL) else None, CHAMPION
        return (served, beside) if served else None

    def residents(self) -> Iterator[Served]:
        """Every version that must be loaded, once."""
        seen = set()
        for served in [*self.tracks.values(), *(each.served for each in self.standby)]:
            if served.id not in seen:
                seen.add(served.id)
                yield served

    def models(self) -> list[str]:
        """Names of the models that are served, sorted."""
        return sorted(self.by_model)

    def same_content(self, other: Deployment) -> bool:
        """True if both serve the same versions to the same callers, whatever their numbers."""
        return (
            {key: each.id for key, each in self.tracks.items()} == {key: each.id for key, each in other.tracks.items()}
            and self.aliases == other.aliases
            and self.traffic == other.traffic
            and self.personal == other.personal
            and {(each.served.id, each.rival) for each in self.standby}
            == {(each.served.id, each.rival) for each in other.standby}
        )


def to_json(deployment: Deployment) -> bytes:
    """The deployment as a document that `from_json` reads back."""
    document = {
        "generation": deployment.generation,
        "created": deployment.created,
        "tracks": [[name, track.value, asdict(each)] for (name, track), each in sorted(deployment.tracks.items())],
        "aliases": {name: dict(each) for name, each in deployment.aliases.items()},
        "standby": [asdict(each) for each in deployment.standby],
        "traffic": {name: asdict(each) for name, each in sorted(deployment.traffic.items())},
        "personal": {name: list(each) for name, each in sorted(deployment.personal.items())},
    }
    return json.dumps(document, indent=1).encode()


def from_json(content: bytes) -> Deployment:
    """The deployment that `to_json` wrote."""
    document = json.loads(content)
    return Deployment(
        generation=document["generation"],
        created=document["created"],
        tracks={(name, Track(track)): served_from(each) for name, track, each in document["tracks"]},
        aliases=document["aliases"],
        standby=tuple(Standby(**{**each, "served": served_from(each["served"])}) for each in document["standby"]),
        traffic={name: Traffic(**each) for name, each in document.get("traffic", {}).items()},
        personal={name: tuple(each) for name, each in document.get("personal", {}).items()},
    )


def served_from(document: Mapping[str, Any]) -> Served:
    """A served version, from what `asdict` made of it."""
    return Served(**{**document, "id": VersionId(**document["id"])})


class Generations:
    """The deployments on disk, one file a generation; workers read what the follower writes."""

    def __init__(self, folder: Path, keep: int = 50) -> None:
        self._folder = folder
        self._keep = keep

    def write(self, deployment: Deployment, committed: int = 0) -> None:
        """Keep a deployment, and forget the oldest beyond `keep`; never the committed one, which new workers read."""
        files.replace(self._path(deployment.generation), to_json(deployment))
        for path in sorted(self._folder.glob("*.json"))[: -self._keep]:
            if path != self._path(committed):
                path.unlink(missing_ok=True)

    def read(self, generation: int) -> Deployment:
        """The deployment of that number; number 0 is the empty one.

        Raises:
            FileNotFoundError: it was never written, or is forgotten.
        """
        return from_json(self._path(generation).read_bytes()) if generation else Deployment()

    def in_charge(self, number: int) -> Deployment:
        """What the board says is committed; where that is nothing (it was lost, or made anew), what the disk says."""
        found = number or self.committed()
        try:
            return self.read(found)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _log.error("deployment-unreadable", f"generation {found}: {error}; starting anew")
            return Deployment(number)

    def newest(self) -> int:
        """The highest number on disk, 0 if there is none."""
        return max((int(path.stem) for path in self._folder.glob("*.json")), default=0)

    def note_committed(self, generation: int) -> None:
        """Keep the number that is about to be committed, for the day that the board is lost."""
        files.replace(self._folder / _COMMITTED, str(generation).encode())

    def committed(self) -> int:
        """The last number noted, 0 if there is none that can be read."""
        try:
            return int((self._folder / _COMMITTED).read_text())
        except (OSError, ValueError):
            return 0

    def _path(self, generation: int) -> Path:
        return self._folder / f"{generation:012d}.json"
