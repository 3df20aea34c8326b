"""What the board shows, as plain data: made from what serving hosts and monitoring say. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from cuelight.monitoring.board.mlflow_links import model_url, version_url
from cuelight.monitoring.board.moods import of_verdict
from cuelight.operations.figures import Figures
from cuelight.operations.replicas import Replica
from cuelight.registry.model import Track

READY, STARTING, DRAINING, DOWN = "ready", "not ready", "draining", "down"
_TRACKS = (Track.PRODUCTION, Track.STAGING)
_NONE: Mapping[str, Any] = {"models": []}


@dataclass(frozen=True)
class Seen:
    """A replica as it was found: `GET /models` as it answered, or None and why there is no answer."""

    replica: Replica
    document: Mapping[str, Any] | None
    trouble: str = ""


@dataclass(frozen=True)
class Place:
    """A version on a track: since when (UTC, and in seconds since the epoch), why, and which requests it answers.

    `share` is its part of the requests that name no version, in percent.
    """

    track: str
    version: int
    since: str
    why: str
    traffic: str
    url: str
    at: float = 0.0
    share: float = 0.0


@dataclass(frozen=True)
class Health:
    """The last drift report: its verdict, when it was (UTC), and quality on labels where there was enough of it.

    `mood` is how it looks.
    """

    verdict: str
    mood: str
    version: int
    at: float
    rows: int
    quality: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Model:
    """One model: Production first; `health` is None before its first report."""

    name: str
    url: str
    places: tuple[Place, ...]
    health: Health | None

    @property
    def is_succeeded(self) -> bool:
        """Whether the version that was last judged is no longer in place, and another is."""
        judged = self.health.version if self.health else None
        return judged is not None and bool(self.places) and all(each.version != judged for each in self.places)


@dataclass(frozen=True)
class Host:
    """A replica: its state, the generation that it serves (None: not known), how many models, and what is wrong.

    `serves`: the versions on tracks, by model.
    """

    name: str
    address: str
    state: str
    generation: int | None
    models: int
    trouble: str
    serves: frozenset[tuple[str, str, int]] = frozenset()


@dataclass(frozen=True)
class Page:
    """All of it."""

    models: tuple[Model, ...]
    hosts: tuple[Host, ...]

    @property
    def split(self) -> bool:
        """Whether replicas serve different versions just now; generations are each machine's own."""
        return len({each.serves for each in self.hosts if each.state == READY}) > 1


def page(seen: Iterable[Seen], figures: Iterable[Figures], registry: str, may_see: Callable[[str], bool]) -> Page:
    """The page for somebody who `may_see` models by their names; `registry` is where MLflow's pages are, ending in /.

    Of replicas that differ, what most of them serve is shown.
    """
    found = tuple(seen)
    reports = {each.model: each for each in figures}
    shown = (each for each in (usual(found) or _NONE)["models"] if may_see(each["name"]))
    models = tuple(_model(each, reports.get(each["name"]), registry) for each in shown)
    return Page(models, tuple(map(_host, found)))


def usual(seen: Iterable[Seen]) -> Mapping[str, Any] | None:
    """What a replica answers that serves what most do; of as many, what changed last. None: none answers."""
    documents = [each.document for each in seen if each.document]
    alike = Counter(map(_served, documents))

    def rank(document: Mapping[str, Any]) -> tuple[int, str, int]:
        return alike[_served(document)], _changed(document), document.get("generation", -1)

    return max(documents, key=rank, default=None)


def _served(document: Mapping[str, Any]) -> frozenset[tuple[str, str, int]]:
    found = ((each["name"], each["tracks"]) for each in document["models"])
    return frozenset((name, track, entry["version"]) for name, tracks in found for track, entry in tracks.items())


def _changed(document: Mapping[str, Any]) -> str:
    """When a version came onto a track last."""
    return max((entry["since"] for each in document["models"] for entry in each["tracks"].values()), default="")


def generation(document: Mapping[str, Any]) -> int | None:
    """The generation that a replica serves; None: it does not say, being older than this board."""
    found: int | None = document.get("generation")
    return found


def _model(entry: Mapping[str, Any], figures: Figures | None, registry: str) -> Model:
    name, tracks = entry["name"], entry["tracks"]
    versions = partial(version_url, registry, name)
    places = tuple(_place(track, tracks, entry["traffic"], versions) for track in _TRACKS if track in tracks)
    return Model(name, model_url(registry, name), places, _health(figures) if figures else None)


def _place(track: str, tracks: Mapping[str, Any], traffic: Mapping[str, Any], url: Callable[[int], str]) -> Place:
    entry = tracks[track]
    since = entry["since"].replace("T", " ").removesuffix("Z")
    says = _production(tracks, traffic) if track == _TRACKS[0] else _staging(traffic)
    at = datetime.fromisoformat(entry["since"]).timestamp()
    canary = float(traffic["canary"]) if _TRACKS[1] in tracks else 0.0
    share = 100.0 - canary if track == _TRACKS[0] else canary
    return Place(track, entry["version"], since, entry["why"], says, url(entry["version"]), at, share)


def _production(tracks: Mapping[str, Any], traffic: Mapping[str, Any]) -> str:
    canary = traffic["canary"] if _TRACKS[1] in tracks else 0.0
    share = f"{100 - canary:g} % of requests"
    return f"{share}, of which the version before has {traffic['control']:g} %" if traffic["control"] else share


def _staging(traffic: Mapping[str, Any]) -> str:
    rollout = traffic["rollout"]
    parts = [
        f"canary: {traffic['canary']:g} % of requests" if traffic["canary"] else "",
        f"rollout: {rollout['says']}" if rollout else "",
        f"shadow: {traffic['shadow']:g} % mirrored" if traffic["shadow"] else "",
    ]
    return "; ".join(filter(None, parts)) or "only where it is asked for"


def _health(figures: Figures) -> Health:
    quality = tuple((name, value) for name, value in figures.quality.items() if value is not None)
    return Health(figures.verdict, of_verdict(figures.verdict), figures.version, figures.at, figures.rows, quality)


def _host(seen: Seen) -> Host:
    replica, document = seen.replica, seen.document
    address = replica.url.partition("//")[2]
    if document is None:
        return Host(replica.name, address, DOWN if not seen.trouble else STARTING, None, 0, seen.trouble)
    state = DRAINING if replica.draining else READY
    return Host(replica.name, address, state, generation(document), len(document["models"]), "", _served(document))
