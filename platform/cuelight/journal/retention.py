"""How long compacted records are kept: by age, and by the bytes that they take."""

from __future__ import annotations

import shutil
from collections import defaultdict
from pathlib import Path

from cuelight.journal import layout, stubs
from cuelight.journal.pauses import Pauses
from cuelight.journal.stubs import Stub
from cuelight.kit.errors import Unavailable
from cuelight.kit.log import Log

_DAY = 86_400.0
_log = Log("journal")


class Retention:
    """Deletes whole days of all models: those that ended longer ago than `days`, then the oldest while all the Parquet
    takes more than `most_bytes` (0: as many as there are). The day that goes on is kept, whatever it takes.

    A day's folder loses its name before its files: readers see all of it or nothing. What is in the archive goes first:
    a folder whose objects can't be deleted waits for the next run, without its name. If its age turns out to be none,
    since the clock was wrong, it is given back.
    """

    def __init__(self, folder: Path, days: float, most_bytes: int = 0) -> None:
        self._folder = folder
        self._days = days
        self._most = most_bytes
        self._sizes: dict[Path, tuple[int, int]] = {}  # of partitions: when they changed, and bytes
        self._warned = ""
        self._pauses = Pauses()

    def run(self, now: float) -> int:
        """Delete what is too old or too much at `now`, in seconds since the epoch; how many folders of a day."""
        kept = oldest(now, self._days)
        for gone in self._folder.glob("*/model=*/.date=*"):  # killed while it was being deleted, or it waits
            if self._most or gone.name < f".date={kept}":
                self._clear(gone, now)
            else:
                _give_back(gone)
        days: dict[str, list[Path]] = defaultdict(list)
        for date in self._folder.glob("*/model=*/date=*"):
            days[date.name.partition("=")[2]].append(date)
        chosen = {day for day in days if day < kept}
        if self._most:
            chosen |= self._surplus({day: days[day] for day in days.keys() - chosen}, layout.day(now))
        self._delete_damaged(now - self._days * _DAY)
        return sum(self._delete(date, now) for day in sorted(chosen) for date in days[day])

    def _surplus(self, days: dict[str, list[Path]], today: str) -> set[str]:
        sizes = {day: sum(map(self._size, folders)) for day, folders in days.items()}
        chosen, total = set[str](), sum(sizes.values())
        for day in sorted(day for day in days if day < today):
            if total <= self._most:
                break
            chosen.add(day)
            total -= sizes[day]
        if total > self._most and self._warned != today:
            self._warned = today
            _log.warning("retention-bytes", f"Today's journal alone takes {total:,} bytes: journal.retention_bytes")
        return chosen

    def _size(self, date: Path) -> int:
        total = 0
        for partition in date.glob("host=*"):
            changed, size = self._sizes.get(partition, (0, 0))
            if changed != (written := partition.stat().st_mtime_ns):
                size = _size(partition)
                self._sizes[partition] = written, size
            total += size
        return total

    def _delete(self, date: Path, now: float) -> bool:
        hidden = date.with_name(f".{date.name}")
        if hidden.exists():  # it waits for the archive, and more came since
            return False
        date.rename(hidden)
        self._clear(hidden, now)
        return True

    def _clear(self, hidden: Path, now: float) -> None:
        marks = [mark for ending in (layout.STUB, layout.GOING) for mark in hidden.glob(f"host=*/.*{ending}")]
        for mark in marks:
            stub = stubs.read(mark)
            if stub and not self._remove(stub, hidden, now):
                return
            mark.unlink()
        shutil.rmtree(hidden, ignore_errors=True)

    def _remove(self, stub: Stub, hidden: Path, now: float) -> bool:
        """Delete an object; False: its archive does not answer, and is asked again later."""
        if self._pauses.last(stub.store, now):
            return False
        try:
            stub.remove()
        except Unavailable as error:
            if self._pauses.begin(stub.store, now):
                _log.warning("retention-waits", f"{hidden.name.removeprefix('.')} is not deleted in whole yet. {error}")
            return False
        self._pauses.end(stub.store)
        return True

    def _delete_damaged(self, before: float) -> None:
        for path in self._folder.glob(f"{layout.DAMAGED}/*/*.jsonl"):
            if path.stat().st_mtime < before:
                path.unlink()


def oldest(now: float, days: float) -> str:
    """The first day that is kept at `now` (epoch seconds), `YYYY-MM-DD`, if days that ended so long ago are not."""
    return layout.day(max(0.0, now - days * _DAY))


def _give_back(hidden: Path) -> None:
    date = hidden.with_name(hidden.name.removeprefix("."))
    if not date.exists():  # else it is of a day that goes on to be written
        hidden.rename(date)
        _log.warning("retention-undone", f"{date} was to be deleted, and is not old enough: look at the clock.")


def taken(folder: Path) -> int:
    """Bytes of all the journal's Parquet, in the archive or here."""
    return sum(map(_size, folder.glob("*/model=*/date=*/host=*")))


def _size(partition: Path) -> int:
    """Bytes of the partition's files, in the archive or here."""
    here = {path: path.stat().st_size for path in partition.glob("[!.]*.parquet")}
    away = layout.marked(partition) - here.keys()
    return sum(here.values()) + sum(each.size for path in away for each in stubs.of(path)[:1])
