"""Which version of which model answers a call. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from cuelight.journal.record import CANARY, CHAMPION, CONTROL, PINNED
from cuelight.kit.errors import BadInput, NotFound
from cuelight.registry.model import Track, VersionId
from cuelight.serving.answering.assignment import is_canary, is_control
from cuelight.serving.answering.call import Asked
from cuelight.serving.host.deployment import Deployment, Served
from cuelight.serving.host.repertoire import NOTHING, Listing, Repertoire, named

_NUMBER = re.compile(r"[0-9]{1,9}")


class Choice(Struct, frozen=True):
    """Who answers a call, on which track it was asked for, and by which arm.

    `guest`: what is known of a version that is loaded when it is asked for; None: it is one of the deployment.
    """

    served: Served
    track: str
    arm: str
    guest: Listing | None = None


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


def choose(deployment: Deployment, model: str, asked: Asked, key: str = "", repertoire: Repertoire = NOTHING) -> Choice:
    """Which of a model's versions answers a caller who is known by `key`: one of the deployment, or a guest.

    Raises:
        NotFound: there is no such model, track, alias or version; the message names what there is.
        BadInput: the version is no number.
    """
    tracks = deployment.by_model.get(model, {})
    if not tracks and model not in repertoire.models:
        raise NotFound(f"Model {model!r} is not served. {_names(deployment)}")
    if asked.alias:
        return _by_version(deployment, model, _pointed_at(deployment, model, asked.alias, repertoire), repertoire)
    if asked.version:
        if not _NUMBER.fullmatch(asked.version):
            raise BadInput("X-Model-Version takes a version's number.")
        return _by_version(deployment, model, int(asked.version), repertoire)
    wanted = _track(asked.track)
    if wanted not in tracks:
        raise NotFound(f"Model {model!r} has no version in {wanted}. {_offer(deployment, model, repertoire)}")
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


def _pointed_at(deployment: Deployment, model: str, alias: str, repertoire: Repertoire) -> int:
    aliases = {**repertoire.aliases(model), **deployment.aliases.get(model, {})}
    if alias not in aliases:
        known = f"Its aliases: {named(sorted(aliases))}." if aliases else "It has none."
        raise NotFound(f"Model {model!r} has no alias {alias!r}. {known}")
    return aliases[alias]


def _by_version(deployment: Deployment, model: str, version: int, repertoire: Repertoire) -> Choice:
    for track, served in deployment.by_model.get(model, {}).items():
        if served.id.version == version:
            return Choice(served, track.value, PINNED)
    for each in deployment.standby:
        if each.served.id.name == model and each.served.id.version == version:
            return Choice(each.served, "", PINNED)
    guest = repertoire.find(model, version)
    if guest is None:
        if model in repertoire.models:
            raise NotFound(f"Model {model!r} has no version {version}. {_offer(deployment, model, repertoire)}")
        raise NotFound(f"Version {version} of {model!r} is not loaded. {_offer(deployment, model, repertoire)}")
    return Choice(as_guest(model, guest), "", PINNED, guest)


def as_guest(model: str, listing: Listing) -> Served:
    """A registered version as one that is served."""
    identity = VersionId(model, listing.version, listing.created_ms, "")
    return Served(identity, listing.digest, listing.signed_by, listing.run_id, "on demand", 0.0)


def _offer(deployment: Deployment, model: str, repertoire: Repertoire) -> str:
    tracks = sorted(deployment.by_model.get(model, {}).items())
    on = [f"Served: {', '.join(f'version {each.id.version} in {track}' for track, each in tracks)}."] if tracks else []
    every = repertoire.versions(model)
    return " ".join([*on, *([f"Its versions: {every}."] if every else [])]) or "It has none."


def _names(deployment: Deployment) -> str:
    models = deployment.models()
    if not models:
        return "No model is served yet: put a version into Production or Staging in MLflow."
    return f"Served models: {named(models)}."
