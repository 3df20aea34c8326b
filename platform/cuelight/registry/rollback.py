"""Going back: the version that was in Production before is put there again."""

from __future__ import annotations

from cuelight.registry.model import Track
from cuelight.registry.port import Registry


def put_back(registry: Registry, name: str, version: int, aliases: str) -> None:
    """Move a version to Production, archive what is there, and point at it those of `aliases` that the model has.

    `aliases` is the setting `track.production`: names with commas between them.
    """
    registry.set_stage(name, version, Track.PRODUCTION.value, archive_others=True)
    present = registry.snapshot().models[name].aliases
    for alias in (each.strip() for each in aliases.split(",")):
        if alias in present:
            registry.set_alias(name, alias, version)
