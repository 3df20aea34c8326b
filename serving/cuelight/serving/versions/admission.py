"""From the store into memory: a version, its files checked once more, in the way that its trial proved, and warm."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cuelight.serving.versions import example
from cuelight.serving.versions.loader import LoadedVersion, Shortcuts, load
from cuelight.serving.versions.store import Entry, ModelStore
from cuelight.serving.versions.weight import Weight


def admit(store: ModelStore, digest: str, signed_by: str, compiled: bool = True) -> LoadedVersion:
    """Load a version; `compiled`: by the quicker way, where it has one.

    Raises:
        Refused: it is not in the store, was altered there, or can't be loaded.
    """
    entry = store.verified(digest)
    trial = _trial(entry)
    shortcuts = Shortcuts(
        labels_from_probabilities=bool(trial.get("labels_from_probabilities")),
        compiled=str(trial.get("compiled", "")) if compiled else "",
        by_row=bool(trial.get("by_row", True)),
        image=str(trial.get("image", "")),
    )
    loaded = load_warm(entry.files, digest, signed_by, shortcuts)
    once, more = (float(trial.get(name, 0.0)) / 1000 for name in ("predict_ms", "byte_ms"))
    return replace(loaded, predict_seconds=once, byte_seconds=more, resident_bytes=weight(entry).resident)


def weight(entry: Entry) -> Weight:
    """What a version in the store will take in memory, as its trial found; where that did not, as much as on disk."""
    trial = _trial(entry)
    resident = int(trial.get("resident_bytes", 0)) or sum(each.stat().st_size for each in entry.files.rglob("*"))
    return Weight(resident, max(resident, int(trial.get("peak_bytes", 0))))


def _trial(entry: Entry) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(entry.trial.read_text()) if entry.trial.is_file() else {}
    return found


def load_warm(files: Path, digest: str, signed_by: str, shortcuts: Shortcuts) -> LoadedVersion:
    """Load a version and let it answer its input example once: what happens only at a first call must meet no caller.

    Raises:
        Refused: it can't be loaded.
    """
    version = load(files, digest, signed_by, shortcuts)
    with contextlib.suppress(Exception):  # the trial has judged it
        body = example.body(files)
        if body:
            request = version.decoder.decode(example.MEDIA_TYPE, body)
            version.predict(request.rows, request.parameters)
    return version
