"""The version in charge: found by its track, checked and loaded, to be held against its challenger."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuelight.kit.errors import CuelightError, NotFound, Refused
from cuelight.kit.signing import TrustedKeys
from cuelight.pipelines.workshop import Workshop
from cuelight.registry import tags
from cuelight.registry.manifest import Manifest
from cuelight.registry.mlmodel import read_mlmodel
from cuelight.registry.model import ModelVersion, Track
from cuelight.registry.tracks import assign
from cuelight.registry.trusted_types import allowed_types, skops_io

# Prediction ids and rows of the journal that a version was fitted on, among the artifacts of its run.
FITTED_ROWS = "training/rows.parquet"
# The same of the rows that it was held against its champion on.
HELD_ROWS = "training/held_rows.parquet"


@dataclass(frozen=True)
class Champion:
    """A loaded version, with what it was fitted on: `fitted` holds (prediction id, row) of the journal."""

    version: ModelVersion
    estimator: Any
    trained_until: float
    fitted: frozenset[tuple[str, int]]


def in_charge(workshop: Workshop, model: str) -> ModelVersion | None:
    """The version on the Production track, or None."""
    snapshot = workshop.registry.snapshot()
    claim = assign(snapshot, workshop.tracks, workshop.aliases).winners.get((model, Track.PRODUCTION))
    return snapshot.models[model].versions[claim.version.version] if claim else None


def load(workshop: Workshop, version: ModelVersion) -> Champion:
    """Download, check and load a version.

    Raises:
        Refused: its files differ from its manifest, its signature is not by a known key, or it can't be loaded.
    """
    with tempfile.TemporaryDirectory(prefix="cuelight-champion-") as folder:
        files = workshop.tracking.download(version.source, Path(folder) / "model")
        signed = _check(workshop, version, files)
        estimator = opened(files, signed)
        fitted = _fitted(workshop, version, Path(folder) / "rows")
    return Champion(version, estimator, trained_until(version), fitted)


def trained_until(version: ModelVersion) -> float:
    """Epoch seconds of the latest row it was fitted on; for versions that don't tell, when they were registered."""
    try:
        return float(version.tags[tags.TRAINED_UNTIL])
    except (KeyError, ValueError):
        return version.created_ms / 1000.0


def _check(workshop: Workshop, version: ModelVersion, folder: Path) -> bool:
    """Hold the files against manifest and signature; False if the version has none."""
    if tags.MANIFEST not in version.tags or tags.SIGNATURE not in version.tags:
        return False
    manifest = Manifest.from_json(version.tags[tags.MANIFEST])
    if (manifest.model, manifest.run_id) != (version.name, version.run_id):
        raise Refused(f"{version.id}: its manifest is that of another version (model {manifest.model!r}).")
    TrustedKeys.load(workshop.keys_folder).verify(manifest, version.tags[tags.SIGNATURE])
    manifest.verify(folder)
    return True


def opened(folder: Path, signed: bool) -> Any:
    """The estimator in the files of a version, which somebody vouches for if they are `signed`.

    Raises:
        Refused: it can't be loaded, or may not be; the text says why.
    """
    try:
        return _opened(folder, signed)
    except CuelightError:
        raise
    except Exception as error:  # anything can come out of loading somebody's file
        raise Refused(f"The champion can't be loaded ({type(error).__name__}: {str(error)[:300]}).") from error


def _opened(folder: Path, signed: bool) -> Any:
    flavors = read_mlmodel(folder).get("flavors")
    flavor = flavors.get("sklearn") if isinstance(flavors, dict) else None
    if flavor is None:
        raise Refused("The champion is no scikit-learn model, so a challenger can't be held against it here.")
    path = folder / flavor["pickled_model"]
    if path.resolve().parent != folder.resolve():
        raise Refused("The champion's MLmodel names a file outside its own folder.")
    if flavor.get("serialization_format") == "skops":
        return _opened_skops(path)
    if not signed:
        raise Refused("The champion is an unsigned pickle, which may run any code: sign it by `cuelight trust`.")
    import cloudpickle

    with path.open("rb") as file:
        return cloudpickle.load(file)


def _opened_skops(path: Path) -> Any:
    io = skops_io()
    types = set(io.get_untrusted_types(file=path))
    if unknown := sorted(types - allowed_types()):
        raise Refused(f"The champion holds types that are not on the allow-list: {', '.join(unknown)}.")
    return io.load(path, trusted=sorted(types))


def _fitted(workshop: Workshop, version: ModelVersion, folder: Path) -> frozenset[tuple[str, int]]:
    import pandas as pd

    if not version.run_id:
        return frozenset()
    try:
        path = workshop.tracking.download_run_file(version.run_id, FITTED_ROWS, folder)
    except NotFound:  # trained on the pipeline's own data alone, or elsewhere
        return frozenset()
    frame = pd.read_parquet(path)
    return frozenset(zip(frame["prediction_id"].tolist(), frame["row"].tolist(), strict=True))
