"""Who is judged: the version on Production, or the one that was asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from cuelight.kit import files
from cuelight.kit.errors import NotFound, RegistryUnavailable
from cuelight.kit.log import Log
from cuelight.kit.text import meant
from cuelight.registry import tags
from cuelight.registry.model import ModelVersion, Track
from cuelight.registry.port import Registry
from cuelight.registry.tracks import TrackMemory, assign

_log = Log("monitoring")


@dataclass(frozen=True)
class Target:
    """The version that is judged. `track` is empty when it was asked for by number: then all its rows count.

    Attributes:
        reference_path, reference_digest: artifact of its run, and the SHA-256 that training put on its tag.
        trained_until: newest event time of its training data, seconds since the epoch; None: not known.
    """

    model: str
    version: int
    run_id: str
    reference_path: str
    reference_digest: str
    trained_until: float | None
    track: str = ""


class Targets:
    """Finds the version to judge; what was found last is kept in `folder`, for when the registry is down."""

    def __init__(
        self, registry: Registry, folder: Path, aliases: Mapping[str, Track], memory: TrackMemory | None = None
    ) -> None:
        self._registry = registry
        self._folder = folder
        self._aliases = aliases
        self._memory = memory or TrackMemory()

    def models(self) -> list[str]:
        """Models whose version on Production has a reference, and can be judged.

        Raises:
            RegistryUnavailable: no good answer.
        """
        snapshot = self._registry.snapshot()
        winners = assign(snapshot, self._memory, self._aliases).winners
        return sorted(
            model
            for (model, track), claim in winners.items()
            if track is Track.PRODUCTION
            and tags.REFERENCE in snapshot.models[model].versions[claim.version.version].tags
        )

    def find(self, model: str, version: int | None = None) -> Target:
        """The version on Production, or the one asked for.

        Raises:
            NotFound: there is none, or it has no reference.
            RegistryUnavailable: no good answer, and nothing remembered.
        """
        remembered = self._folder / quote(model, safe="") / f"{'production' if version is None else version}.json"
        try:
            target = self._ask(model, version)
        except RegistryUnavailable:
            if not remembered.is_file():
                raise
            target = Target(**json.loads(remembered.read_text(encoding="utf-8")))
            _log.warning(
                "registry-down", f"The registry is down: {model} version {target.version} is judged as before."
            )
            return target
        files.replace(remembered, json.dumps(asdict(target)).encode())
        return target

    def _ask(self, model: str, version: int | None) -> Target:
        snapshot = self._registry.snapshot()
        if model not in snapshot.models:
            known = ", ".join(sorted(snapshot.models)) or "none"
            raise NotFound(
                f"There is no registered model {model!r}; there are: {known}.{meant(model, snapshot.models)}"
            )
        versions = snapshot.models[model].versions
        if version is not None:
            if version not in versions:
                raise NotFound(f"{model} has no version {version}; it has {', '.join(map(str, sorted(versions)))}.")
            return target_of(versions[version], "")
        claim = assign(snapshot, self._memory, self._aliases).winners.get((model, Track.PRODUCTION))
        if claim is None:
            raise NotFound(f"{model} has no version on Production: promote one, or name one by --version.")
        return target_of(versions[claim.version.version], Track.PRODUCTION.value)


def target_of(version: ModelVersion, track: str) -> Target:
    """The version as one to judge.

    Raises:
        NotFound: it has no reference.
    """
    path, _, digest = version.tags.get(tags.REFERENCE, "").rpartition(":")
    if not path or not version.run_id:
        raise NotFound(
            f"{version.id} has no reference (tag {tags.REFERENCE}): only versions that `cuelight train` registered "
            "can be judged."
        )
    return Target(
        model=version.name,
        version=version.version,
        run_id=version.run_id,
        reference_path=path,
        reference_digest=digest,
        trained_until=_seconds(version.tags.get(tags.TRAINED_UNTIL, "")),
        track=track,
    )


def _seconds(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
