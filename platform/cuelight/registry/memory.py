"""A registry in memory: the twin of MLflow's for tests and benchmarks, under the same contract tests."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from cuelight.kit.clock import Clock, SystemClock
from cuelight.kit.errors import NotFound, RegistryUnavailable
from cuelight.registry.model import ModelVersion, RegisteredModel, Snapshot
from cuelight.registry.names import check_alias, check_model, check_stage

_SCHEME = "memory:"


@dataclass
class _Model:
    updated_ms: int
    last_version: int = 0
    aliases: dict[str, int] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    versions: dict[int, ModelVersion] = field(default_factory=dict)


class MemoryRegistry:
    """A thread-safe `Registry` whose versions lie in local folders: sources are `memory:<path>` or plain paths.

    While `down` is true, every call raises `RegistryUnavailable`. Models and aliases can be deleted too, as people do.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.down = False
        self._clock = clock or SystemClock()
        self._lock = threading.RLock()
        self._models: dict[str, _Model] = {}
        self._last_ms = 0

    def probe(self) -> str:
        """The model that was touched last, and when; alias and tag changes don't move it, as in MLflow."""
        with self._answering():
            last = max(self._models.items(), key=lambda item: item[1].updated_ms, default=None)
            return f"{last[1].updated_ms} {last[0]}" if last else ""

    def snapshot(self) -> Snapshot:
        """All models, copied."""
        with self._answering():
            return Snapshot(
                {
                    name: RegisteredModel(name, dict(model.aliases), dict(model.tags), dict(model.versions))
                    for name, model in self._models.items()
                }
            )

    def create_model(self, name: str) -> None:
        """Register a model; nothing happens if it is there."""
        check_model(name)
        with self._answering():
            if name not in self._models:
                self._models[name] = _Model(updated_ms=self._now_ms())

    def delete_model(self, name: str) -> None:
        """Delete a model with all its versions; one created later by that name starts at version 1."""
        with self._answering():
            self._model(name)
            del self._models[name]

    def create_version(
        self, name: str, source: str, run_id: str, tags: Mapping[str, str], description: str = ""
    ) -> ModelVersion:
        """Add a version whose files are at `source`."""
        with self._answering():
            model, now = self._model(name), self._now_ms()
            model.last_version += 1
            number = model.last_version
            version = ModelVersion(name, number, now, now, source, run_id, tags=dict(tags), description=description)
            model.versions[version.version] = version
            model.updated_ms = now
            return version

    def set_version_tags(self, name: str, version: int, tags: Mapping[str, str]) -> None:
        """Set tags on a version; the others stay."""
        with self._answering():
            old = self._version(name, version)
            self._models[name].versions[version] = replace(old, tags={**old.tags, **tags})

    def set_model_tags(self, name: str, tags: Mapping[str, str]) -> None:
        """Set tags on a registered model; the others stay."""
        with self._answering():
            self._model(name).tags.update(tags)

    def set_stage(self, name: str, version: int, stage: str, archive_others: bool = False) -> None:
        """Move a version to `Production`, `Staging`, `Archived` or `None`."""
        check_stage(stage, archive_others)
        with self._answering():
            self._version(name, version)
            model, now = self._models[name], self._now_ms()
            for number, old in model.versions.items():
                if number == version:
                    model.versions[number] = replace(old, stage=stage, updated_ms=now)
                elif archive_others and old.stage == stage:
                    model.versions[number] = replace(old, stage="Archived", updated_ms=now)
            model.updated_ms = now

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Point an alias at a version."""
        check_alias(alias)
        with self._answering():
            self._version(name, version)
            self._models[name].aliases[alias] = version

    def delete_alias(self, name: str, alias: str) -> None:
        """Take an alias away; nothing happens if it is not there."""
        with self._answering():
            self._model(name).aliases.pop(alias, None)

    def delete_version(self, name: str, version: int) -> None:
        """Delete a version, with its aliases; its number is not given again."""
        with self._answering():
            self._version(name, version)
            model = self._models[name]
            del model.versions[version]
            model.aliases = {alias: number for alias, number in model.aliases.items() if number != version}
            model.updated_ms = self._now_ms()

    def artifact_uri(self, version: ModelVersion) -> str:
        """The source itself; a plain path as `file:<absolute path>`."""
        with self._answering():
            source = version.source
            return source if source.startswith((_SCHEME, "file:")) else f"file:{Path(source).absolute()}"

    def fetch(self, version: ModelVersion, folder: Path) -> None:
        """Copy the version's files into `folder`."""
        with self._answering():
            origin = Path(version.source.removeprefix(_SCHEME).removeprefix("file:"))
        if not origin.is_dir():
            raise NotFound(f"{version.id} has no files at {version.source}: register it again.")
        shutil.copytree(origin, folder, dirs_exist_ok=True)

    def _answering(self) -> threading.RLock:
        if self.down:
            raise RegistryUnavailable("The registry is switched off: switch it on, or wait.")
        return self._lock

    def _now_ms(self) -> int:
        self._last_ms = max(self._last_ms + 1, int(self._clock.now() * 1000))
        return self._last_ms

    def _model(self, name: str) -> _Model:
        if name not in self._models:
            raise NotFound(f"There is no registered model {name!r}. There are: {', '.join(self._models) or 'none'}.")
        return self._models[name]

    def _version(self, name: str, version: int) -> ModelVersion:
        versions = self._model(name).versions
        if version not in versions:
            listed = ", ".join(map(str, versions)) or "none"
            raise NotFound(f"Model {name!r} has no version {version}. It has: {listed}.")
        return versions[version]
