"""Many small files of a day become few, each row in one file that readers see, wherever this is killed.

The plan of a merge (what becomes of which files) is put beside them; then the merged file in its place: from now on
readers pass by what it is made of (`layout.Day`); then that is deleted, and then the plan. Killed before the file is in
its place, the plan is dropped; killed after it, the rest is done by the next run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from cuelight.journal import layout, storage
from cuelight.kit.files import sync_folder
from cuelight.kit.log import Log

_MANY, _MANY_ENDED = 64, 4  # small files of one version: while its day goes on, and after it
_SMALL = 8 << 20  # bytes of a file
_LARGEST = 256 << 20  # bytes in memory that are merged into one file
_VALUE = 16  # bytes that a value may take in memory beyond what it takes in a file, where equal ones are kept once
_log = Log("journal")


@dataclass(frozen=True)
class _Small:
    """A file that may be merged: its first moment (seconds since the epoch), columns and bytes in memory."""

    path: Path
    first: float
    columns: frozenset[tuple[str, str]]
    size: int


class Merger:
    """Merges the files of the partitions in `folder`; only the holder of the compactor's lock may call it."""

    def __init__(self, folder: Path, checkpoint: storage.Checkpoint) -> None:
        self._folder = folder
        self._checkpoint = checkpoint
        self._known: dict[Path, tuple[int, bool]] = {}  # partitions in which nothing was left to do

    def run(self, today: str, most: int) -> int:
        """Merge up to so many times; how many files became one of fewer."""
        merged = 0
        for partition in sorted(self._folder.glob("*/model=*/date=*/host=*"), reverse=True):
            if merged >= most:
                break
            ended = partition.parent.name < f"date={today}"
            state = partition.stat().st_mtime_ns, ended
            if self._known.get(partition) != state:
                merged += self._tidy(partition, _MANY_ENDED if ended else _MANY)
                self._known[partition] = partition.stat().st_mtime_ns, ended
        return merged

    def is_settled(self, partition: Path) -> bool:
        """Whether nothing of an ended day is left to merge."""
        return self._known.get(partition) == (partition.stat().st_mtime_ns, True)

    def _tidy(self, partition: Path, many: int) -> int:
        settle(partition)
        groups = [
            group
            for files in self._by_version(partition).values()
            if len(files) >= many
            for group in _groups(small for small in map(_small, files) if small)
        ]
        for group in groups:
            self._merge(group)
        return len(groups)

    def _by_version(self, partition: Path) -> dict[str, list[Path]]:
        """Small files by version and digest; without those in the archive, and those of a segment that is still there,
        to be compacted anew."""
        segments = self._folder / layout.SEGMENTS / unquote(partition.name.partition("=")[2])
        waiting = {path.stem for path in segments.glob("*")}
        found: dict[str, list[Path]] = defaultdict(list)
        for path in set(partition.glob("[!.]*.parquet")) - layout.marked(partition):
            segment, _, version = path.name.partition(".")
            if segment not in waiting and path.stat().st_size < _SMALL:
                found[version].append(path)
        return found

    def _merge(self, files: list[Path]) -> None:
        names = [path.name for path in files]
        target = files[0].with_name(layout.merged_name(names))
        for host in (self._folder / layout.SEGMENTS).glob("*"):
            sync_folder(host)  # a segment that comes back after a power cut would be compacted twice
        storage.place(layout.plan(target), orjson.dumps(names), self._checkpoint)
        written = max(path.stat().st_mtime_ns for path in files)
        storage.place(target, storage.encode(_together(files)), self._checkpoint, written)
        _finish(target, self._checkpoint)


def settle(partition: Path) -> None:
    """Do the rest of a merge that was broken off after its file was in its place, and clear away any other."""
    for plan in partition.glob(f".*{layout.PLAN}"):
        merged = plan.with_name(plan.name.removeprefix(".").removesuffix(layout.PLAN))
        if merged.exists():
            _finish(merged)
        else:
            plan.unlink()
    for path in partition.glob(".*.tmp"):
        path.unlink()


def _finish(merged: Path, checkpoint: Callable[[str], None] = lambda _step: None) -> None:
    for name in layout.planned(merged):
        merged.with_name(name).unlink(missing_ok=True)
        checkpoint("source-deleted")
    sync_folder(merged.parent)  # before the plan goes: what came back would be read twice
    layout.plan(merged).unlink()
    checkpoint("merged")


def _small(path: Path) -> _Small | None:
    try:
        with pq.ParquetFile(path) as file:
            metadata, schema = file.metadata, file.schema_arrow
        position = schema.names.index("time")
        groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        first = min(group.column(position).statistics.min for group in groups)
    except (pa.ArrowException, ValueError, AttributeError) as error:  # not as we write them: left as it is
        _log.warning("merge-passed-by", f"{path.name}: {error}", path=str(path))
        return None
    columns = frozenset((field.name, str(field.type)) for field in schema)
    values = metadata.num_rows * metadata.num_columns
    return _Small(path, first, columns, sum(group.total_byte_size for group in groups) + _VALUE * values)


def _groups(files: Iterable[_Small]) -> Iterator[list[Path]]:
    """Files that become one: of the same columns and types (none is widened), next to each other in time."""
    alike: dict[frozenset[tuple[str, str]], list[_Small]] = defaultdict(list)
    for file in files:
        alike[file.columns].append(file)
    for each in alike.values():
        group: list[Path] = []
        size = 0
        for file in sorted(each, key=lambda file: (file.first, file.path.name)):
            if group and size + file.size > _LARGEST:
                yield from [group] if len(group) > 1 else []
                group, size = [], 0
            group.append(file.path)
            size += file.size
        yield from [group] if len(group) > 1 else []


def _together(files: list[Path]) -> pa.Table:
    """All rows, in the order of time; labels numbered anew, so that of two of one moment the later stays the later."""
    tables = [pq.ParquetFile(path).read() for path in sorted(files)]
    table = pa.concat_tables(each.select(tables[0].column_names) for each in tables).sort_by("time")
    if "position" in table.column_names:
        numbers = pa.array(range(table.num_rows), pa.int64())
        table = table.set_column(table.schema.get_field_index("position"), "position", numbers)
    return table
