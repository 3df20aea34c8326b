"""What Cuelight asks of a registry: the MLflow adapter and the in-memory twin both answer it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from cuelight.registry.model import ModelVersion, Snapshot


class Registry(Protocol):
    """A model registry.

    Every call raises `RegistryUnavailable` when no good answer came in time, `NotFound` for a model or version
    that is not there, and `BadInput` for what the registry can't hold.
    """

    def probe(self) -> str:
        """A cheap value that moves when a version, a stage or a description has changed (aliases and tags need not)."""

    def snapshot(self) -> Snapshot:
        """All registered models with aliases, tags and versions."""

    def create_model(self, name: str) -> None:
        """Register a model; nothing happens if it is there."""

    def create_version(
        self, name: str, source: str, run_id: str, tags: Mapping[str, str], description: str = ""
    ) -> ModelVersion:
        """Add a version whose files are at `source`, in one step with its tags; `description` is Markdown."""

    def set_version_tags(self, name: str, version: int, tags: Mapping[str, str]) -> None:
        """Set tags on a version; the others stay."""

    def set_model_tags(self, name: str, tags: Mapping[str, str]) -> None:
        """Set tags on a registered model; the others stay."""

    def set_stage(self, name: str, version: int, stage: str, archive_others: bool = False) -> None:
        """Move a version to `Production`, `Staging`, `Archived` or `None`."""

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Point an alias at a version."""

    def delete_version(self, name: str, version: int) -> None:
        """Delete a version, with its aliases."""

    def artifact_uri(self, version: ModelVersion) -> str:
        """Where the version's files really are (`models:/m-...` resolved)."""

    def fetch(self, version: ModelVersion, folder: Path) -> None:
        """Download the version's files into `folder`, an empty one."""
