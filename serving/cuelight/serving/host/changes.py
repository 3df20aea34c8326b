"""What a switch changed, and what people moved in the registry, as lines for the history. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from cuelight.registry.model import RegisteredModel, Snapshot, Track, VersionId
from cuelight.registry.traffic import Traffic
from cuelight.serving.host.deployment import Deployment


@dataclass(frozen=True)
class Line:
    """What happened to a model, and to which of its versions (None: to none that is left)."""

    kind: str
    model: str
    version: int | None
    detail: Mapping[str, Any] = field(default_factory=dict)


def changes(before: Deployment, after: Deployment) -> Iterator[Line]:
    """Who is on a track instead of whom, how traffic is shared now, what aliases mean, who is kept loaded, what is
    personal.

    Two deployments of different content differ in a line, so that no generation is without one.
    """
    yield from _switches(before, after)
    yield from _shares(before, after)
    yield from _aliases(before, after)
    yield from _kept(before, after)
    yield from _personal(before, after)


def moves(before: Snapshot, after: Snapshot) -> Iterator[Line]:
    """What stages and aliases were set to between two readings of the registry."""
    for name in sorted(after.models.keys() & before.models.keys()):
        yield from _stages(before.models[name], after.models[name])
        yield from _pointed(before.models[name], after.models[name])


def _stages(before: RegisteredModel, after: RegisteredModel) -> Iterator[Line]:
    for number, version in after.versions.items():
        known = before.versions.get(number)
        same = known is not None and known.created_ms == version.created_ms  # else of a model made anew
        old = known.stage if known and same else "None"
        if old != version.stage:
            yield Line("moved", after.name, number, {"stage": version.stage, "before": old})


def _pointed(before: RegisteredModel, after: RegisteredModel) -> Iterator[Line]:
    for alias in sorted({*before.aliases, *after.aliases}):
        old, new = before.aliases.get(alias), after.aliases.get(alias)
        if old != new:
            yield Line("moved", after.name, new, {"alias": alias, "before": old})


def _switches(before: Deployment, after: Deployment) -> Iterator[Line]:
    for key in sorted({*before.tracks, *after.tracks}):
        old, new = before.tracks.get(key), after.tracks.get(key)
        if (old and old.id) == (new and new.id):
            continue
        detail = {
            "track": key[1].value,
            "before": old.id.version if old else None,
            "why": new.why if new else "taken off",
            "generation": after.generation,
            "run_id": new.run_id if new else "",
        }
        yield Line("switched", key[0], new.id.version if new else None, detail)


def _shares(before: Deployment, after: Deployment) -> Iterator[Line]:
    for name in sorted({*before.traffic, *after.traffic}):
        shared = after.traffic.get(name, Traffic())
        if shared == before.traffic.get(name, Traffic()):
            continue
        staging = after.tracks.get((name, Track.STAGING))
        detail = {**asdict(shared), "generation": after.generation}
        yield Line("traffic", name, staging.id.version if staging else None, detail)


def _aliases(before: Deployment, after: Deployment) -> Iterator[Line]:
    for name in sorted({*before.aliases, *after.aliases}):
        meant, means = before.aliases.get(name, {}), after.aliases.get(name, {})
        if meant != means:
            detail = {"aliases": dict(means), "generation": after.generation}
            yield Line("aliases", name, None, detail)


def _kept(before: Deployment, after: Deployment) -> Iterator[Line]:
    was, now = _by_model(before), _by_model(after)
    for name in sorted({*was, *now}):
        kept, rival = now.get(name, {}), after.rivals.get(name)
        if was.get(name, {}) != kept:
            detail = {"kept": sorted(each.version for each in kept), "rival": rival and rival.served.id.version}
            yield Line("standby", name, None, {**detail, "generation": after.generation})


def _personal(before: Deployment, after: Deployment) -> Iterator[Line]:
    for name in sorted({*before.personal, *after.personal}):
        columns = after.personal.get(name, ())
        if columns != before.personal.get(name, ()):
            yield Line("personal", name, None, {"columns": list(columns), "generation": after.generation})


def _by_model(deployment: Deployment) -> dict[str, dict[VersionId, bool]]:
    """Each model's versions that are kept loaded, and whether a new one is held against them."""
    models: dict[str, dict[VersionId, bool]] = {}
    for each in deployment.standby:
        models.setdefault(each.served.id.name, {})[each.served.id] = each.rival
    return models
