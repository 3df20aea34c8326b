"""Ended days of the journal in an object store, one object a file; the folder of the journal stays the index.

A file gets a stub that says which object will hold it (`layout.going`), is uploaded and read back; then the stub gets
its name. Later the file goes, the stub stays. Killed anywhere, the next run does the rest: an upload is done again to
the same name, and no object is without its stub.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cuelight.journal import layout, storage, stubs
from cuelight.journal.pauses import Pauses
from cuelight.kit.errors import CuelightError, Unavailable
from cuelight.kit.files import sync_folder
from cuelight.kit.log import Log

_DAY, _HOUR = 86_400.0, 3600.0
_LATE_SECONDS = _HOUR  # what comes late of an ended day is merged before its files are archived
_UPLOAD_SECONDS = 5.0  # a run: segments wait meanwhile
_log = Log("journal")


@dataclass(frozen=True)
class Terms:
    """Where ended days go, and how long they stay here as well.

    Attributes:
        url: the archive, a URL or a folder.
        local_days: files that are archived are deleted here once their day ended longer ago.
        local_bytes: while the Parquet here takes more, the oldest files go, whatever their day; 0: there is no limit.
    """

    url: str
    local_days: float = 7.0
    local_bytes: int = 0


@dataclass(frozen=True)
class _File:
    """A file of Parquet that is here, and whether its content is in the archive too."""

    path: Path
    size: int
    archived: bool

    @property
    def day(self) -> str:
        return self.path.parent.parent.name.partition("=")[2]


@dataclass(frozen=True)
class Waiting:
    """What is of ended days, and not in the archive yet."""

    files: int
    bytes: int


class Archiver:
    """Works in the journal's `folder`; only the holder of the compactor's lock may call it.

    `behind` says whether more could be done at once.
    """

    def __init__(self, folder: Path, terms: Terms, checkpoint: storage.Checkpoint = lambda _step: None) -> None:
        self.behind = False
        self._folder = folder
        self._terms = terms
        self._checkpoint = checkpoint
        self._known: dict[Path, tuple[int, list[_File]]] = {}  # partitions: when they changed, and their files
        self._pauses = Pauses()
        self._warned = ""

    def run(self, now: float, is_settled: Callable[[Path], bool]) -> list[str]:
        """Archive what has ended at `now` (epoch seconds) and is settled, delete what need not be here; as phrases."""
        self.behind = False
        paused = self._pauses.last(self._terms.url, now)
        archived = 0 if paused else self._upload(self._waiting(now, is_settled), now)
        gone = self._thin(now)
        parts = [f"{archived} files archived"] if archived else []
        return parts + ([f"{gone} archived files deleted here"] if gone else [])

    @property
    def _down(self) -> bool:
        return self._terms.url in self._pauses

    def _waiting(self, now: float, is_settled: Callable[[Path], bool]) -> list[_File]:
        ended = layout.day(max(0.0, now - _LATE_SECONDS))
        return [
            each for each in self._files() if not each.archived and each.day < ended and is_settled(each.path.parent)
        ]

    def _upload(self, files: list[_File], now: float) -> int:
        done, began = 0, time.monotonic()
        try:
            if files or self._down:
                stubs.check(self._terms.url)
            for file in files:
                if done and time.monotonic() - began > _UPLOAD_SECONDS:
                    self.behind = True
                    break
                self._archive(file.path)
                done += 1
        except (CuelightError, OSError) as error:
            self._fail(error, now)
        else:
            self._recover()
        return done

    def _archive(self, path: Path) -> None:
        stub, going = stubs.made(self._terms.url, self._folder, path), layout.going(path)
        begun = stubs.read(going)
        if begun and begun != stub:
            begun.remove()
        if begun != stub:
            storage.place(going, stub.encoded(), self._checkpoint, path.stat().st_mtime_ns)
        stub.place.copy(path)
        self._checkpoint("uploaded")
        stub.prove()
        going.replace(layout.stub(path))
        sync_folder(path.parent)
        self._checkpoint("archived")

    def _fail(self, error: Exception, now: float) -> None:
        """The store is left alone for a while; a warning says so once."""
        if self._pauses.begin(self._terms.url, now):
            _log.warning("archive-down", f"Nothing is archived, and kept here meanwhile. {error}")

    def _miss(self, store: str, error: Exception, now: float) -> None:
        """Where it is the archive of before, that says nothing of the one that there is now."""
        if store == self._terms.url:
            self._fail(error, now)
        elif self._pauses.begin(store, now):
            _log.warning("archive-down", f"What is there is kept here as well, where it still is. {error}")

    def _recover(self) -> None:
        if self._pauses.end(self._terms.url):
            _log.info("archive-back", f"The journal's archive {self._terms.url} answers again")

    def _thin(self, now: float) -> int:
        """Delete files that are in the archive too: those of long ago, then the oldest while all take too much."""
        files = self._files()
        total, most = sum(each.size for each in files), self._terms.local_bytes
        old = layout.day(max(0.0, now - self._terms.local_days * _DAY))
        gone = set[Path]()
        for each in files:
            pressing = 0 < most < total
            if each.archived and (pressing or each.day < old) and self._drop(each, pressing, now):
                gone.add(each.path)
                total -= each.size
        if 0 < most < total:
            self._exceed([each for each in files if each.path not in gone], total, layout.day(now))
        return len(gone)

    def _drop(self, file: _File, pressing: bool, now: float) -> bool:
        """Delete a file whose object is there, as large as it has to be; or that was there, where room is pressing."""
        if not self._down and not self._is_there(file.path, now) and not self._down:
            return False
        if self._down and not pressing:
            return False
        file.path.unlink()
        sync_folder(file.path.parent)
        self._checkpoint("dropped")
        return True

    def _is_there(self, path: Path, now: float) -> bool:
        """Whether its object is; what is not as it was is archived anew by the next run."""
        stub = stubs.read(layout.stub(path))
        if stub is None or self._pauses.last(stub.store, now):
            return False
        try:
            stub.open().close()
        except Unavailable as changed:
            try:
                stubs.check(stub.store)
            except Unavailable as error:
                self._miss(stub.store, error, now)
            else:
                _log.warning("archived-anew", f"{changed} It is archived again.", path=str(path))
                layout.stub(path).rename(layout.going(path))
            return False
        return True

    def _exceed(self, files: list[_File], total: int, today: str) -> None:
        """What is nowhere else goes only where the archive has worked, and does not now: else uploads make room."""
        most = self._terms.local_bytes
        ever = any(True for _ in self._folder.glob(f"*/model=*/date=*/host=*/.*{layout.STUB}"))
        lost: dict[str, int] = defaultdict(int)
        for each in files if self._down and ever else ():
            if total <= most:
                break
            if each.day < today and not each.archived:
                each.path.unlink()
                sync_folder(each.path.parent)
                lost[each.day] += each.size
                total -= each.size
        for day, size in lost.items():
            _log.warning(
                "journal-lost",
                f"{size:,} bytes of the journal of {day} are deleted for good: the archive does not answer, and "
                f"journal.local_bytes allows {most:,} here",
            )
        if total > most and self._warned != today:
            self._warned = today
            _log.warning("local-bytes", f"What has to be here takes {total:,} bytes: journal.local_bytes is {most:,}")

    def _files(self) -> list[_File]:
        """All finished files that are here, those of the oldest days first."""
        partitions = sorted(self._folder.glob("*/model=*/date=*/host=*"))
        found: dict[Path, tuple[int, list[_File]]] = {}
        for partition in partitions:
            changed = partition.stat().st_mtime_ns
            known = self._known.get(partition)
            found[partition] = known if known and known[0] == changed else (changed, list(_listed(partition)))
        self._known = found
        return sorted((each for _, files in found.values() for each in files), key=lambda each: (each.day, each.path))


def _listed(partition: Path) -> Iterator[_File]:
    for path in sorted(partition.glob("[!.]*.parquet")):
        yield _File(path, path.stat().st_size, layout.stub(path).exists())


def recall(path: Path, checkpoint: storage.Checkpoint) -> None:
    """Take a file out of the archive: its content is here then, and only here.

    Raises:
        Unavailable: the store does not answer; the file is where it was.
    """
    stub = stubs.read(layout.stub(path))
    if stub and not path.exists():
        written = layout.stub(path).stat().st_mtime_ns
        storage.place(path, b"".join(stub.blocks()), checkpoint, written)
    for mark in (layout.stub(path), layout.going(path)):
        if each := stubs.read(mark):
            each.remove()
            checkpoint("removed")
            mark.unlink()
            sync_folder(path.parent)


def waiting(folder: Path, now: float) -> Waiting:
    """How much of the journal in `folder` has ended at `now` (epoch seconds), and is not archived."""
    ended = f"date={layout.day(max(0.0, now - _LATE_SECONDS))}"
    days = (each for each in folder.glob("*/model=*/date=*/host=*") if each.parent.name < ended)
    sizes = [each.size for partition in days for each in _listed(partition) if not each.archived]
    return Waiting(len(sizes), sum(sizes))
