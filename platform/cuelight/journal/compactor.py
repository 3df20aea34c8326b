"""From closed segments to Parquet, exactly once, wherever it is killed.

A segment's rows go to files whose names follow from the segment's; each is written beside its place, synced and
renamed, and only then the segment is deleted. Killed before that, the next run writes the same files again.
"""

from __future__ import annotations

import base64
import fcntl
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from cuelight.journal import layout, segment, storage, tables
from cuelight.journal.archive import Archiver, Terms
from cuelight.journal.merging import Merger
from cuelight.journal.record import Label, Prediction, Record, Schema
from cuelight.journal.retention import Retention
from cuelight.journal.writer import CLOSED, OPEN
from cuelight.kit.clock import Clock, SystemClock
from cuelight.kit.log import Log
from cuelight.protocol.redaction import SEALED
from cuelight.protocol.signature import Signature

_SEGMENTS_PER_RUN, _MERGES_PER_RUN = 200, 8
_log = Log("journal")


@dataclass
class _Counts:
    segments: int = 0
    requests: int = 0
    rows: int = 0
    labels: int = 0
    damaged: int = 0

    def add(self, other: _Counts) -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


@dataclass
class _Content:
    """What a segment holds, sorted by where it goes. Keys of rows and requests: (model, day, version, digest)."""

    signatures: dict[str, Signature] = field(default_factory=dict)
    requests: dict[tuple[str, str, int, str], list[Any]] = field(default_factory=lambda: defaultdict(list))
    rows: dict[tuple[str, str, int, str], tables.RowsTable] = field(default_factory=dict)
    labels: dict[tuple[str, str], list[Any]] = field(default_factory=lambda: defaultdict(list))
    damages: list[segment.Damage] = field(default_factory=list)

    def take(self, offset: int, record: Record) -> None:
        """Sort one record in.

        Raises:
            ValueError: it can't be used, in the whole or for its rows; the rest is taken.
        """
        if not isinstance(record.model, str) or not isinstance(getattr(record, "digest", ""), str):
            raise ValueError("model and digest must be texts")
        if isinstance(record, Schema):
            self.signatures[record.digest] = Signature.from_json(record.signature)
        elif isinstance(record, Label):
            self.labels[record.model, layout.day(record.time)].append((offset, tables.label(record, offset)))
        else:
            key = record.model, layout.day(record.time), record.version, record.digest
            self.requests[key].append((offset, tables.request(record)))
            if record.status == 200 and record.redaction != SEALED:
                self._take_rows(key, record)

    def _take_rows(self, key: tuple[str, str, int, str], record: Prediction) -> None:
        if record.digest not in self.signatures:
            raise ValueError("the segment has no signature for the version's digest")
        if key not in self.rows:
            self.rows[key] = tables.RowsTable(self.signatures[record.digest])
        self.rows[key].add(record)


class Compactor:
    """Turns what the writers of all hosts left in `folder` into Parquet; one at a time does so.

    `behind` says whether work was left for the next run, which may begin at once. `archive` says where ended days go.
    `checkpoint` is called with the name of each step as it is done, for tests that stop there.
    """

    def __init__(
        self,
        folder: Path,
        retention_days: float = 90.0,
        retention_bytes: int = 0,
        clock: Clock | None = None,
        checkpoint: Callable[[str], None] = lambda _step: None,
        archive: Terms | None = None,
    ) -> None:
        self.behind = False
        self._folder = folder
        self._retention = Retention(folder, retention_days, retention_bytes)
        self._clock = clock or SystemClock()
        self._checkpoint = checkpoint
        self._merger = Merger(folder, checkpoint)
        self._archiver = Archiver(folder, archive, checkpoint) if archive else None

    def run_once(self) -> str:
        """Compact what is closed or abandoned, delete what is too old; what was done, as a sentence."""
        self.behind = False
        self._folder.mkdir(parents=True, exist_ok=True)
        with storage.alone(self._folder) as mine:
            if not mine:
                return "another compactor is at work on this journal"
            counts, failed = _Counts(), 0
            waiting = self._segments()
            for path in waiting[:_SEGMENTS_PER_RUN]:
                try:
                    counts.add(self._compact(path))
                except OSError as error:  # a full disk, most likely: the segment stays, and is tried again
                    failed += 1
                    _log.warning("compact-failed", f"{path.name} waits: {error}", segment=path.name)
                except Exception as error:  # noqa: BLE001  whatever it is about this one, the others are compacted
                    failed += 1
                    _log.fault("compact-failed", error, segment=path.name)
            self.behind = len(waiting) > _SEGMENTS_PER_RUN and not failed
            expired = self._retention.run(self._clock.now())
            merged = self._merger.run(layout.day(self._clock.now()), _MERGES_PER_RUN)
            archived = self._archive()
        return _sentence(counts, failed, expired, merged, archived)

    def _archive(self) -> list[str]:
        if self._archiver is None:
            return []
        said = self._archiver.run(self._clock.now(), self._merger.is_settled)
        self.behind |= self._archiver.behind
        return said

    def _segments(self) -> list[Path]:
        """Segments that nobody writes to any more, oldest first."""
        found = sorted((self._folder / layout.SEGMENTS).glob(f"*/*{OPEN}"))
        closed = [*(self._folder / layout.SEGMENTS).glob(f"*/*{CLOSED}"), *(p for p in map(_claim, found) if p)]
        self._checkpoint("claimed")
        return sorted(closed, key=lambda path: (path.stat().st_mtime_ns, path.name))

    def _compact(self, path: Path) -> _Counts:
        content = path.read_bytes()
        sorted_in = _sort(content)
        self._checkpoint("read")
        counts = self._place_all(path, content, sorted_in)
        self._checkpoint("placed-all")
        path.unlink()
        self._checkpoint("deleted")
        return counts

    def _place_all(self, path: Path, content: bytes, found: _Content) -> _Counts:
        counts, name, host = _Counts(segments=1), path.stem, path.parent.name
        for (model, date, version, digest), rows in found.rows.items():
            table = rows.table()
            folder = layout.partition(self._folder, layout.ROWS, model, date, host)
            self._place_table(folder / layout.file_name(name, version, digest), table)
            counts.rows += table.num_rows
        for (model, date, version, digest), entries in found.requests.items():
            table = _table(entries, tables.REQUESTS, content, found)
            folder = layout.partition(self._folder, layout.REQUESTS, model, date, host)
            self._place_table(folder / layout.file_name(name, version, digest), table)
            counts.requests += table.num_rows
        for (model, date), entries in found.labels.items():
            table = _table(entries, tables.LABELS, content, found)
            folder = layout.partition(self._folder, layout.LABELS, model, date, host)
            self._place_table(folder / layout.file_name(name, 0, ""), table)
            counts.labels += table.num_rows
        counts.damaged = sum(not each.torn for each in found.damages)
        if found.damages:
            self._place(self._folder / layout.DAMAGED / host / f"{name}.jsonl", _side_file(found.damages))
        return counts

    def _place_table(self, target: Path, table: pa.Table) -> None:
        if table.num_rows:
            self._place(target, storage.encode(table))

    def _place(self, target: Path, content: Any) -> None:
        storage.make_folder(target.parent, self._folder)
        storage.place(target, content, self._checkpoint)


def _sort(content: bytes) -> _Content:
    found = _Content()
    for item in segment.read(content):
        if isinstance(item, segment.Damage):
            found.damages.append(item)
            continue
        try:
            found.take(*item)
        except Exception as error:  # noqa: BLE001  one record must never stop the rest, whatever is wrong with it
            found.damages.append(_damage(content, item[0], f"{type(error).__name__}: {error}"))
    return found


def _damage(content: bytes, offset: int, reason: str) -> segment.Damage:
    return segment.Damage(offset, content[offset : segment.end_of(content, offset)], reason)


def _table(entries: list[Any], schema: pa.Schema, content: bytes, found: _Content) -> pa.Table:
    table, bad = tables.build([row for _, row in entries], schema)
    found.damages += [_damage(content, entries[number][0], "a field is not of its type") for number in bad]
    return table


def _claim(path: Path) -> Path | None:
    """An `.open` segment under its closed name, if its process is gone: the kernel has let go of its lock."""
    closed = path.with_suffix(CLOSED)
    try:
        with path.open("r+b") as file:  # NFS takes an exclusive lock only of who may write
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.rename(closed)
    except (BlockingIOError, FileNotFoundError):
        return None
    return closed


def _side_file(damages: list[segment.Damage]) -> bytes:
    return b"".join(
        orjson.dumps(
            {
                "offset": each.offset,
                "torn": each.torn,
                "reason": each.reason,
                "bytes": base64.b64encode(each.content).decode(),
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )
        for each in sorted(damages, key=lambda each: each.offset)
    )


def _sentence(counts: _Counts, failed: int, expired: int, merged: int, archived: list[str]) -> str:
    parts = []
    if counts.segments:
        parts.append(
            f"compacted {counts.segments} segments: {counts.requests} requests, {counts.rows} rows, "
            f"{counts.labels} labels"
        )
    if counts.damaged:
        parts.append(f"{counts.damaged} damaged records kept in damaged/")
    if failed:
        parts.append(f"{failed} segments wait: see the warnings")
    if expired:
        parts.append(f"{expired} days past retention deleted")
    if merged:
        parts.append(f"small files merged into {merged}")
    return "; ".join(parts + archived) or "nothing to compact"
