"""Recent requests of a model, from the journal: what a new version is tried on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cuelight.journal.query import Journal, Query
from cuelight.kit.log import Log
from cuelight.serving.versions.samples import Sample

_MOST, _LARGEST = 20, 1 << 20
_COLUMNS = ("status", "media_type", "request", "protocol", "header_length", "redaction")


def recent_requests(folder: Path, model: str) -> Sequence[Sample]:
    """The last answered requests of at most a MiB; none where the journal can't be read (a trial goes on without)."""
    try:
        frame = Journal(folder, local=True).requests(Query(model, last_rows=_MOST), _COLUMNS)
    except Exception as error:  # noqa: BLE001  the journal must never stand in a promotion's way
        Log("serving.recent").warning("journal-unreadable", str(error), model=model)
        return []
    good = frame[frame["status"] == 200]
    if "redaction" in good:  # what lacks values that were there says nothing of a version
        good = good[good["redaction"].fillna("") == ""]
    return [_sample(each) for each in good.to_dict(orient="records") if len(each["request"]) <= _LARGEST]


def _sample(row: dict[str, Any]) -> Sample:
    protocol = row.get("protocol")  # older files have none
    if not isinstance(protocol, str):
        return Sample(row["media_type"], bytes(row["request"]))
    return Sample(row["media_type"], bytes(row["request"]), protocol, row["header_length"])
