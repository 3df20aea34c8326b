"""The OpenAPI document of what is served: `GET /openapi.json`, and each model's own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib import metadata

import orjson

from cuelight.access.permissions import EVERYTHING, Grant
from cuelight.kit.errors import CuelightError, NotFound
from cuelight.protocol.openapi import Described, document
from cuelight.protocol.sample import sample
from cuelight.registry.model import Track
from cuelight.serving.answering.residents import Cast
from cuelight.serving.host.deployment import Served
from cuelight.serving.versions import example
from cuelight.serving.versions.store import ModelStore

_TRACKS = (Track.PRODUCTION, Track.STAGING)
_KEPT = 256  # examples


class Descriptions:
    """Of the models that have a version on a track: Production's, else Staging's; examples are read once."""

    def __init__(self, store: ModelStore, asks_for_token: bool) -> None:
        self._store, self._asks_for_token = store, asks_for_token
        self._saved = lru_cache(_KEPT)(self._example)

    def all(self, cast: Cast, grant: Grant = EVERYTHING) -> bytes:
        """Of every model that `grant` is for, and whose version could be loaded."""
        names = [name for name in sorted(cast.deployment.models()) if grant.covers(name)]
        loaded = [name for name in names if (served := _served(cast, name)) and served.digest in cast.loaded]
        return self._document(self._described(cast, name) for name in loaded)

    def of(self, cast: Cast, name: str) -> bytes:
        """Of one model.

        Raises:
            NotFound: it has no version on a track.
            Unavailable: its version could not be loaded here.
        """
        return self._document(iter([self._described(cast, name)]))

    def _document(self, models: Iterator[Described]) -> bytes:
        return orjson.dumps(document(models, metadata.version("cuelight"), self._asks_for_token))

    def _described(self, cast: Cast, name: str) -> Described:
        served = _served(cast, name)
        if served is None:
            raise NotFound(f"Model {name!r} has no version on a track. GET /models lists those that have.")
        signature = cast.version(served).signature
        made = sample(signature, self._saved(served.digest), cast.personal(name) or ())
        return Described(name, served.id.version, signature, made)

    def _example(self, digest: str) -> bytes:
        try:
            return example.body(self._store.entry(digest).files)
        except (OSError, CuelightError):  # the version is loaded all the same: an example is made up
            return b""


def _served(cast: Cast, name: str) -> Served | None:
    tracks = cast.deployment.tracks
    return next((tracks[name, track] for track in _TRACKS if (name, track) in tracks), None)
