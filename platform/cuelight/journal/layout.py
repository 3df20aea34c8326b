"""Where things lie in the journal's folder.

    segments/<host>/<pid>-<id>-<sequence>.open|.closed
    requests|rows|labels/model=<name>/date=<day>/host=<host>/<segment>.v<version>.<digest>.parquet
    damaged/<host>/<segment>.jsonl

A name that begins with a dot is not there yet: readers pass it by.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote

REQUESTS, ROWS, LABELS = DATASETS = ("requests", "rows", "labels")
NOBODY = "__HIVE_DEFAULT_PARTITION__"  # what Hive's readers take for an empty name
_LONGEST = 150


def encode_model(name: str) -> str:
    """A model's name as a folder's: URL-encoded; one too long for a file system is cut, its digest says which."""
    encoded = quote(name, safe="")
    if len(encoded) > _LONGEST:
        encoded = f"{encoded[:_LONGEST]}~{hashlib.sha256(encoded.encode()).hexdigest()[:16]}"
    return encoded or NOBODY


def day(time: float) -> str:
    """The UTC day of a moment, `YYYY-MM-DD`.

    Raises:
        ValueError: the moment is not one of the calendar's.
    """
    try:
        return datetime.fromtimestamp(time, UTC).date().isoformat()
    except (OverflowError, OSError, TypeError) as error:
        raise ValueError(f"{time!r} is not a time") from error


def partition(folder: Path, dataset: str, model: str, date: str, host: str) -> Path:
    """The folder for one day of one model from one host."""
    return folder / dataset / f"model={encode_model(model)}" / f"date={date}" / f"host={quote(host, safe='')}"


def file_name(segment: str, version: int, digest: str) -> str:
    """The Parquet file that a segment's rows of one version go to: always the same, so that a redo overwrites it."""
    return f"{segment}.v{version}.{hashlib.sha256(digest.encode()).hexdigest()[:12]}.parquet"


def models(folder: Path, dataset: str = ROWS) -> list[str]:
    """Models that have compacted data (cut names as they are)."""
    names = (each.name.partition("=")[2] for each in sorted((folder / dataset).glob("model=*")))
    return [unquote(name) for name in names if name != NOBODY]


def dates(folder: Path, dataset: str, model: str) -> list[Path]:
    """The folders of a model's days, the newest first."""
    return sorted((folder / dataset / f"model={encode_model(model)}").glob("date=*"), reverse=True)


def files(date: Path, version: int | None = None) -> Iterator[Path]:
    """The finished Parquet files of a day, of one version or of all."""
    pattern = "*.parquet" if version is None else f"*.v{version}.*.parquet"
    return (path for path in sorted(date.glob(f"host=*/{pattern}")) if not path.name.startswith("."))


def days(
    folder: Path,
    dataset: str,
    model: str,
    version: int | None = None,
    since: float | None = None,
    until: float | None = None,
) -> list[list[str]]:
    """The files that may hold records from `since` on and before `until`, a list for each day, the newest day first."""
    first = "" if since is None else f"date={day(max(0.0, since))}"
    last = "e" if until is None else f"date={day(max(0.0, until))}"
    chosen = [date for date in dates(folder, dataset, model) if first <= date.name <= last]
    return [[str(path) for path in files(date, version)] for date in chosen]
