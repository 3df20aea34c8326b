"""Finds the version that is asked for, and loads it only where serving would."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cuelight.kit.errors import CuelightError, NotFound, Refused, Unavailable
from cuelight.kit.settings import Settings
from cuelight.kit.text import meant
from cuelight.registry import tags
from cuelight.registry.manifest import Manifest
from cuelight.registry.model import ModelVersion, RegisteredModel, Snapshot, Track
from cuelight.registry.port import Registry
from cuelight.registry.tracks import alias_map, assign
from cuelight.serving.following.ledger import Ledger
from cuelight.serving.following.preparation import Preparation
from cuelight.serving.following.recent import recent_requests
from cuelight.serving.host.facts import Fact, Phase
from cuelight.serving.host.places import Places
from cuelight.serving.versions import requirements, trust
from cuelight.serving.versions.admission import admit
from cuelight.serving.versions.loader import LoadedVersion
from cuelight.serving.versions.store import ModelStore


@dataclass(frozen=True)
class Asked:
    """Which version of a model: by number or alias, or else the one on a track."""

    model: str
    track: Track = Track.PRODUCTION
    version: int | None = None
    alias: str | None = None


class Supply:
    """The versions of a registry, by way of this host's model store."""

    def __init__(self, registry: Registry, settings: Settings) -> None:
        places = Places(settings.serving_folder)
        self._registry = registry
        self._settings = settings
        self._store = ModelStore(places.store)
        self._ledger = Ledger(places.ledger)
        self._preparation = Preparation(
            registry, self._store, settings, lambda name: recent_requests(settings.journal_folder, name)
        )

    def find(self, asked: Asked) -> ModelVersion:
        """The version that is asked for, as the registry has it now.

        Raises:
            NotFound: there is none.
        """
        snapshot = self._registry.snapshot()
        model = snapshot.models.get(asked.model)
        if model is None:
            known = ", ".join(snapshot.models) or "none"
            hint = meant(asked.model, snapshot.models)
            raise NotFound(f"There is no registered model {asked.model!r}. There are: {known}.{hint}")
        return model.versions[self._number(asked, model, snapshot)]

    def load(self, version: ModelVersion) -> LoadedVersion:
        """A version in memory: fetched unless it is in the store, signature and digests checked, tried if it never was.

        Raises:
            Refused: serving would not have it.
            Unavailable: it could not be fetched now.
        """
        fact = self._here(version) or self._preparation.fetch(version, self._ledger.pin(version.id))
        if fact.phase is Phase.FETCHED and not self._store.entry(fact.digest).trial.is_file():
            fact = self._preparation.attempt(version, fact)
        if fact.phase is Phase.REFUSED and math.isfinite(fact.retry_at):
            raise Unavailable(f"{version.id}: {fact.reason}")
        if fact.phase is Phase.REFUSED:
            raise Refused(f"{version.id} can't be served: {fact.reason}")
        return admit(self._store, fact.digest, fact.signed_by, self._settings.serving_compile)

    def _here(self, version: ModelVersion) -> Fact | None:
        """The version from the store, by the digest in its manifest, or the one that it had when first seen here."""
        text, pinned = version.tags.get(tags.MANIFEST, ""), self._ledger.pin(version.id)
        try:
            digest = Manifest.from_json(text).digest if text else pinned
            if not self._store.has(digest):
                return None
            files = self._store.verified(digest).files
            _, key = trust.check_signature(version, files, self._preparation.keys(), pinned)
            if self._settings.trial_requirements:
                requirements.check(files)
            return Fact(Phase.FETCHED, digest, trust.check_content(files, key, self._settings.trust_unsigned))
        except CuelightError:  # `fetch` looks anew, and says what is wrong
            return None

    def _number(self, asked: Asked, model: RegisteredModel, snapshot: Snapshot) -> int:
        if asked.version is not None:
            if asked.version not in model.versions:
                there = ", ".join(map(str, model.versions)) or "none"
                raise NotFound(f"{model.name} has no version {asked.version}. It has: {there}.")
            return asked.version
        if asked.alias is not None:
            if asked.alias not in model.aliases:
                raise NotFound(
                    f"{model.name} has no alias {asked.alias!r}. It has: {', '.join(model.aliases) or 'none'}."
                )
            return model.aliases[asked.alias]
        chosen = self._settings
        aliases = alias_map(chosen.track_production, chosen.track_staging)
        found = assign(snapshot, self._ledger.tracks, aliases).versions.get((model.name, asked.track))
        if found is None:
            raise NotFound(f"{model.name} has no version in {asked.track}. Promote one, or name one by --version.")
        return found.version
