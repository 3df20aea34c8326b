"""What a registry holds, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cuelight.kit.errors import NotFound
from cuelight.kit.text import meant


class Track(StrEnum):
    """What a caller asks for: one of the two versions of a model that take traffic."""

    PRODUCTION = "Production"
    STAGING = "Staging"


@dataclass(frozen=True, order=True)
class VersionId:
    """Identity of a version: a deleted and re-created model starts at version 1 again, so a number is not enough."""

    name: str
    version: int
    created_ms: int
    source: str

    def __str__(self) -> str:
        return f"{self.name} version {self.version}"


@dataclass(frozen=True)
class ModelVersion:
    """One version of a registered model."""

    name: str
    version: int
    created_ms: int
    updated_ms: int
    source: str
    run_id: str = ""
    stage: str = "None"
    status: str = "READY"
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = field(default="", compare=False)  # for people: nothing goes by it

    @property
    def id(self) -> VersionId:
        """Who this version is, for good."""
        return VersionId(self.name, self.version, self.created_ms, self.source)


@dataclass(frozen=True)
class RegisteredModel:
    """A registered model with its aliases, tags and all its versions by number."""

    name: str
    aliases: Mapping[str, int] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[int, ModelVersion] = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshot:
    """One good reading of the whole registry."""

    models: Mapping[str, RegisteredModel] = field(default_factory=dict)

    def find(self, name: str, version: int) -> ModelVersion:
        """A version that must be there.

        Raises:
            NotFound: names the models, or the versions, that are.
        """
        if name not in self.models:
            known = ", ".join(self.models) or "none"
            raise NotFound(f"There is no registered model {name!r}. There are: {known}.{meant(name, self.models)}")
        versions = self.models[name].versions
        if version not in versions:
            raise NotFound(f"{name} has no version {version}. It has: {', '.join(map(str, versions)) or 'none'}.")
        return versions[version]
