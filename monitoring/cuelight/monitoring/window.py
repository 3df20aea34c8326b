"""What is compared: the version on Production, its reference, and the rows it answered of late."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from cuelight.journal.query import Journal, Query
from cuelight.kit import files
from cuelight.kit.errors import NotFound, Refused, RegistryUnavailable
from cuelight.kit.log import Log
from cuelight.registry import tags
from cuelight.registry.model import ModelVersion, Track
from cuelight.registry.port import Registry
from cuelight.registry.tracking import Tracking
from cuelight.registry.tracks import TrackMemory, assign

if TYPE_CHECKING:
    import pandas as pd

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
            raise NotFound(f"There is no registered model {model!r}; there are: {known}.")
        versions = snapshot.models[model].versions
        if version is not None:
            if version not in versions:
                raise NotFound(f"{model} has no version {version}; it has {', '.join(map(str, sorted(versions)))}.")
            return _target(versions[version], "")
        claim = assign(snapshot, self._memory, self._aliases).winners.get((model, Track.PRODUCTION))
        if claim is None:
            raise NotFound(f"{model} has no version on Production: promote one, or name one by --version.")
        return _target(versions[claim.version.version], Track.PRODUCTION.value)


class References:
    """References by digest, downloaded once and checked each time they are read."""

    def __init__(self, tracking: Tracking, folder: Path) -> None:
        self._tracking = tracking
        self._folder = folder

    def read(self, target: Target) -> pd.DataFrame:
        """The reference table of a version.

        Raises:
            Refused: its bytes are not those that training signed for.
            RegistryUnavailable, NotFound: it can't be downloaded.
        """
        import pandas as pd

        path = self._folder / f"{target.reference_digest}.parquet"
        if not path.is_file() or _sha256(path) != target.reference_digest:
            self._download(target, path)
        return pd.read_parquet(path)

    def _download(self, target: Target, path: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder) as draft:
            found = self._tracking.download_run_file(target.run_id, target.reference_path, Path(draft))
            digest = _sha256(found)
            if digest != target.reference_digest:
                raise Refused(
                    f"The reference of {target.model} version {target.version} was altered: its SHA-256 is {digest}, "
                    f"the tag {tags.REFERENCE} says {target.reference_digest}. Train the version again."
                )
            found.replace(path)


@dataclass(frozen=True)
class Window:
    """Rows of one version in the order of time, those among its rows that have labels, and the moments of both.

    Attributes:
        rows: the journal's columns; may be empty.
        labelled: the newest labelled rows of the version, as many at most, with `label`.
        start, end: first and last event time of `rows`; None without rows.
        labels_until: when the last of the labels came; None without labels.
    """

    rows: pd.DataFrame
    labelled: pd.DataFrame
    start: float | None
    end: float | None
    labels_until: float | None


def read_window(journal: Journal, target: Target, last_rows: int, since: float | None = None) -> Window:
    """The newest `last_rows` rows that the version answered, and its newest labelled ones, both since a moment."""
    query = Query(target.model, version=target.version, track=target.track or None, since=since, last_rows=last_rows)
    rows = journal.rows(query)
    start, end = (float(rows["time"].min()), float(rows["time"].max())) if len(rows) else (None, None)
    labelled = journal.labelled(query)
    return Window(rows, labelled, start, end, float(labelled["label_time"].max()) if len(labelled) else None)


def _target(version: ModelVersion, track: str) -> Target:
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


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
