"""What is served, why, and since when: the pages behind `GET /models`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import orjson
from msgspec import structs

from cuelight.access.permissions import EVERYTHING, Grant
from cuelight.kit.errors import NotFound, Unavailable
from cuelight.registry.traffic import Traffic
from cuelight.serving.answering.residents import Cast, Casting
from cuelight.serving.host.deployment import Deployment, Served
from cuelight.serving.host.guest_book import Guest
from cuelight.serving.host.repertoire import named
from cuelight.serving.rollouts.walks import Progress


def models(
    cast: Cast, rollouts: Mapping[str, Progress], guests: Sequence[Guest] = (), grant: Grant = EVERYTHING
) -> bytes:
    """Every model that has a version on a track, with its tracks; of those that `grant` is for."""
    shown = [_model(cast, name, rollouts, guests) for name in cast.deployment.models() if grant.covers(name)]
    return _dump({"generation": cast.deployment.generation, "models": shown})


def model(cast: Cast, name: str, rollouts: Mapping[str, Progress], guests: Sequence[Guest] = ()) -> bytes:
    """One model, of which `guests` may be in memory.

    Raises:
        NotFound: no version of it can be asked for.
    """
    if name not in cast.names:
        known = named(cast.deployment.models()) or "none yet"
        raise NotFound(f"Model {name!r} is not served. Served models: {known}.")
    return _dump({"generation": cast.deployment.generation, **_model(cast, name, rollouts, guests)})


def complete(residents: Casting) -> Cast:
    """The cast, once this worker has all of it.

    Raises:
        Unavailable: it is still loading, or a version could not be loaded.
    """
    if not residents.ready:
        raise Unavailable("This worker is still loading.")
    cast = residents.current()
    if cast.missing:
        raise Unavailable(f"Versions that could not be loaded here: {'; '.join(cast.missing.values())}")
    return cast


def readiness(cast: Cast) -> bytes:
    """What a ready worker says; by `cores`, those that it may run on, a gateway tells how much each host can bear."""
    deployment = cast.deployment
    said = {"ready": True, "generation": deployment.generation, "models": len(deployment.models())}
    return _dump({**said, "cores": len(os.sched_getaffinity(0))})


def _model(cast: Cast, name: str, rollouts: Mapping[str, Progress], guests: Sequence[Guest]) -> dict[str, Any]:
    deployment = cast.deployment
    tracks = {track.value: _version(cast, each) for (model, track), each in deployment.tracks.items() if model == name}
    return {
        "name": name,
        "tracks": tracks,
        "aliases": {**cast.repertoire.aliases(name), **deployment.aliases.get(name, {})},
        "traffic": {**asdict(deployment.traffic.get(name, Traffic())), "rollout": _rollout(rollouts.get(name))},
        "standby": _standby(deployment, name),
        "on_demand": [_guest(each) for each in guests if each.model == name],
    }


def _rollout(progress: Progress | None) -> dict[str, Any] | None:
    if progress is None:
        return None
    walk, of = progress.walk, len(progress.walk.plan.shares)
    step = min(walk.step + 1, of)
    return {"plan": str(walk.plan), "step": step, "of": of, "since": _moment(walk.since), "says": progress.says}


def _version(cast: Cast, served: Served) -> dict[str, Any]:
    loaded = cast.loaded.get(served.digest)
    return {
        "version": served.id.version,
        "why": served.why,
        "since": _moment(served.since),
        "run_id": served.run_id,
        "digest": f"sha256:{served.digest}",
        "signed_by": served.signed_by,
        "loaded": loaded is not None,
        "flavor": loaded.flavor if loaded else "",
        "way": loaded.way if loaded else "",
        "load_seconds": round(loaded.load_seconds, 3) if loaded else None,
        "inputs": [{"name": each.name, "type": each.type} for each in loaded.signature.columns] if loaded else [],
    }


def _guest(guest: Guest) -> dict[str, Any]:
    return {name: value for name, value in structs.asdict(guest).items() if name != "model"}


def _standby(deployment: Deployment, name: str) -> list[dict[str, Any]]:
    return [
        {"version": each.served.id.version, "until": _moment(each.until)}
        for each in deployment.standby
        if each.served.id.name == name
    ]


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _dump(document: Any) -> bytes:
    return orjson.dumps(document)
