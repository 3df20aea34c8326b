"""Where things lie in the journal's folder.

    segments/<host>/<pid>-<id>-<sequence>.open|.closed
    requests|rows|labels/model=<name>/date=<day>/host=<host>/<segment>.v<version>.<digest>.parquet
    damaged/<host>/<segment>.jsonl

A name that begins with a dot is not there yet, or no longer: readers pass it by; but `.<file>.away`, a stub, stands for
a file whose content is in the archive, once the file itself is gone. Files of a day that were merged have
a name with a `+`; those that one is made of are named in its plan for as long as they are beside it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote

import orjson

from cuelight.kit.identity import new_id

REQUESTS, ROWS, LABELS = DATASETS = ("requests", "rows", "labels")
SEGMENTS, DAMAGED = "segments", "damaged"  # what is not compacted yet, and side files
NOBODY = "__HIVE_DEFAULT_PARTITION__"  # what Hive's readers take for an empty name
PLAN = ".sources"
STUB, GOING = ".away", ".going"  # of a file that is in the archive, and of one that may be there in part
AWAY = "away://"  # in front of the path of a file of which only the stub is here
_MERGED = "+"
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


def models(folder: Path, dataset: str) -> list[str]:
    """Models that have compacted data (cut names as they are)."""
    names = (each.name.partition("=")[2] for each in sorted((folder / dataset).glob("model=*")))
    return [unquote(name) for name in names if name != NOBODY]


def hosts(folder: Path) -> set[str]:
    """Hosts that have compacted data."""
    return {unquote(each.name.partition("=")[2]) for each in folder.glob("*/model=*/date=*/host=*")}


def dates(folder: Path, dataset: str, model: str) -> list[Path]:
    """The folders of a model's days, the newest first."""
    return sorted((folder / dataset / f"model={encode_model(model)}").glob("date=*"), reverse=True)


def merged_name(sources: Sequence[str]) -> str:
    """A new name for what the files become; it sorts as the last of them does (labels of one moment go by it)."""
    segment, _, rest = max(sources).partition(".")
    return f"{segment.partition(_MERGED)[0]}{_MERGED}{new_id()}.{rest}"


def is_merged(path: Path) -> bool:
    """Whether a file was made of several."""
    return _MERGED in path.name


def plan(merged: Path) -> Path:
    """Where it stands, as JSON, which files beside it a merged one is made of."""
    return merged.with_name(f".{merged.name}{PLAN}")


def planned(merged: Path) -> list[str]:
    """The names of the files that a merged one is made of; none once they are all deleted."""
    try:
        names: list[str] = orjson.loads(plan(merged).read_bytes())
    except FileNotFoundError:
        return []
    return names


def stub(path: Path) -> Path:
    """Where it stands, as JSON, which object of the archive holds a file's content."""
    return path.with_name(f".{path.name}{STUB}")


def going(path: Path) -> Path:
    """The stub of a file that is on its way there."""
    return path.with_name(f".{path.name}{GOING}")


def marked(partition: Path) -> set[Path]:
    """The files of a partition, here or not, that have a stub of one kind or the other."""
    return {_of_stub(each) for ending in (STUB, GOING) for each in partition.glob(f".*{ending}")}


def here(path: str) -> Path:
    """Where a file of a list is, or was before it went to the archive."""
    return Path(path.removeprefix(AWAY))


def lasts(path: str) -> bool:
    """Whether a file is still where a list said."""
    file = here(path)
    return stub(file).exists() and not file.exists() if path.startswith(AWAY) else file.exists()


def written(path: str) -> int:
    """When a file was written, in nanoseconds since the epoch; 0: it was merged, deleted or archived in this moment."""
    file = here(path)
    try:
        return (stub(file) if path.startswith(AWAY) else file).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _of_stub(path: Path) -> Path:
    return path.with_name(path.name.removeprefix(".").rpartition(".")[0])


@dataclass(frozen=True)
class Day:
    """The folder of one day of a model, of one version's files or of all; `local`: without those in the archive."""

    path: Path
    version: int | None = None
    local: bool = False

    def files(self) -> list[str]:
        """The finished files as they are now, each row in one of them.

        What a merged file is made of is left out; if that is gone before it was seen, so is its plan, and opening it
        fails: list again. Listed until no merge came in between, or a list might have neither; the same goes for a
        file and its stub. What only has a stub begins with `AWAY`.
        """
        found = self._listed()
        while _pivots(found) != _pivots(again := self._listed()):
            found = again
        files = {path for path in (*found, *again) if not path.name.startswith(".")}
        away = {_of_stub(path) for path in again if path.name.startswith(".")} - files
        files -= {path.with_name(name) for path in files if is_merged(path) for name in planned(path)}
        ending = ".parquet" if self.version is None else f".v{self.version}."
        chosen = sorted(path for path in (files if self.local else files | away) if ending in path.name)
        return [f"{AWAY}{path}" if path in away else str(path) for path in chosen]

    def _listed(self) -> list[Path]:
        return [
            path
            for path in self.path.glob("host=*/*")
            if path.name.endswith(STUB if path.name.startswith(".") else ".parquet")
        ]


def _pivots(paths: Iterable[Path]) -> set[Path]:
    """Files that stand for others: merged ones, and stubs."""
    return {path for path in paths if is_merged(path) or path.name.startswith(".")}


def days(
    folder: Path,
    dataset: str,
    model: str,
    version: int | None = None,
    since: float | None = None,
    until: float | None = None,
    local: bool = False,
) -> list[Day]:
    """Those that may hold records from `since` on and before `until`, the newest first."""
    first = "" if since is None else f"date={day(max(0.0, since))}"
    last = "e" if until is None else f"date={day(max(0.0, math.ceil(until) - 1.0))}"
    return [Day(date, version, local) for date in dates(folder, dataset, model) if first <= date.name <= last]
