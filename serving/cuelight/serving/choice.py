"""Which version of which model answers a call. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from cuelight.journal.record import CANARY, CHAMPION, CONTROL, PINNED
from cuelight.kit.errors import BadInput, NotFound
from cuelight.registry.model import Track
from cuelight.serving.assignment import is_canary, is_control
from cuelight.serving.call import Asked
from cuelight.serving.deployment import Deployment, Served

_NUMBER = re.compile(r"[0-9]{1,9}")


class Choice(Struct, frozen=True):
    """Who answers a call, on which track it was asked for, and by which arm."""

    served: Served
    track: str
    arm: str


def default(deployment: Deployment, configured: str) -> str:
    """The model behind plain `/invocations`.

    Raises:
        NotFound: none is configured, and there is not exactly one.
    """
    models = deployment.models()
    if configured:
        return configured
    if len(models) == 1:
        return models[0]
    raise NotFound(f"Name a model in the URL: /models/NAME/invocations. {_names(deployment)}")


def choose(deployment: Deployment, model: str, asked: Asked, key: str = "") -> Choice:
    """Which of a model's versions answers a caller who is known by `key`.

    Raises:
        NotFound: no such model, track, alias or version is served; the message names what is.
        BadInput: the version is no number.
    """
    tracks = deployment.by_model.get(model)
    if not tracks:
        raise NotFound(f"Model {model!r} is not served. {_names(deployment)}")
    if asked.alias:
        return _by_alias(deployment, model, asked.alias, tracks)
    if asked.version:
        if not _NUMBER.fullmatch(asked.version):
            raise BadInput("X-Model-Version takes a version's number.")
        return _by_version(deployment, model, int(asked.version), tracks)
    wanted = _track(asked.track)
    if wanted not in tracks:
        raise NotFound(f"Model {model!r} has no version in {wanted}. Served: {_offer(tracks)}.")
    if wanted == Track.PRODUCTION:
        return Choice(*_arm(deployment, model, tracks, "" if asked.track else key))
    return Choice(tracks[wanted], wanted.value, PINNED)


def _arm(deployment: Deployment, model: str, tracks: Mapping[Track, Served], key: str) -> tuple[Served, str, str]:
    """Production's own version, or its canary (the one in Staging), or its control (the one before it)."""
    shared = deployment.traffic.get(model)
    if key and shared:
        if Track.STAGING in tracks and is_canary(model, key, shared.canary):
            return tracks[Track.STAGING], Track.PRODUCTION.value, CANARY
        if model in deployment.rivals and is_control(model, key, shared.control):
            return deployment.rivals[model].served, Track.PRODUCTION.value, CONTROL
    return tracks[Track.PRODUCTION], Track.PRODUCTION.value, CHAMPION


def _track(text: str) -> Track:
    if not text:
        return Track.PRODUCTION
    for track in Track:
        if text.lower() == track.value.lower():
            return track
    raise NotFound(f"There is no track {text!r}: ask for {' or '.join(Track)}.")


def _by_alias(deployment: Deployment, model: str, alias: str, tracks: Mapping[Track, Served]) -> Choice:
    aliases = deployment.aliases.get(model, {})
    if alias not in aliases:
        known = f"Its aliases: {', '.join(sorted(aliases))}." if aliases else "It has none."
        raise NotFound(f"Model {model!r} has no alias {alias!r}. {known}")
    return _by_version(deployment, model, aliases[alias], tracks)


def _by_version(deployment: Deployment, model: str, version: int, tracks: Mapping[Track, Served]) -> Choice:
    for track, served in tracks.items():
        if served.id.version == version:
            return Choice(served, track.value, PINNED)
    for each in deployment.standby:
        if each.served.id.name == model and each.served.id.version == version:
            return Choice(each.served, "", PINNED)
    raise NotFound(f"Version {version} of {model!r} is not loaded. Served: {_offer(tracks)}.")


def _offer(tracks: Mapping[Track, Served]) -> str:
    return ", ".join(f"version {each.id.version} in {track}" for track, each in sorted(tracks.items()))


def _names(deployment: Deployment) -> str:
    models = deployment.models()
    if not models:
        return "No model is served yet: put a version into Production or Staging in MLflow."
    more = f" and {len(models) - 20} more" if len(models) > 20 else ""
    return f"Served models: {', '.join(models[:20])}{more}."
