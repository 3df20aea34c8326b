"""What one switch changed, as lines for the history. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from cuelight.registry.model import Track
from cuelight.registry.traffic import Traffic
from cuelight.serving.deployment import Deployment


@dataclass(frozen=True)
class Line:
    """What happened to a model, and to which of its versions (None: to none that is left)."""

    kind: str
    model: str
    version: int | None
    detail: Mapping[str, Any] = field(default_factory=dict)


def changes(before: Deployment, after: Deployment) -> Iterator[Line]:
    """Who is on a track instead of whom, and how traffic is shared now."""
    yield from _switches(before, after)
    yield from _shares(before, after)


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
