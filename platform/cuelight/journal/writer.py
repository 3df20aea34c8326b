"""Appending to the journal: one write per call, into a file that belongs to this process alone.

Imported by every scoring worker: keep it light.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path

from cuelight.journal import segment
from cuelight.journal.layout import SEGMENTS
from cuelight.journal.record import Prediction, Record, Schema
from cuelight.kit.clock import Clock, SystemClock
from cuelight.kit.identity import new_id
from cuelight.kit.log import Log

SYNC_MODES = ("none", "interval", "each")
OPEN, CLOSED = ".open", ".closed"
_WARN_SECONDS = 60.0
_AT_ONCE = 1024  # pieces (IOV_MAX)
_log = Log("journal")


class _Segment:
    """An open segment file, locked (`flock`) for as long as a process writes to it."""

    def __init__(self, path: Path, descriptor: int, born: float) -> None:
        self.path = path
        self.descriptor = descriptor
        self.born = born
        self.size = 0
        self.digests: set[str] = set()
        self.dirty = False


class Writer:
    """The journal of one process: `append` before the answer leaves, `roll` about once a second.

    A segment is closed at `segment_bytes` or at the age of `segment_seconds`. `sync` says when it is forced to
    the disk: `none` (the system's choice: survives a killed process, not a power cut), `interval` (by each `roll`)
    or `each` (before `append` returns). After a fork the child goes on in a segment of its own.
    """

    def __init__(
        self,
        folder: Path,
        host: str,
        segment_bytes: int = 64 << 20,
        segment_seconds: float = 5.0,
        sync: str = "interval",
        clock: Clock | None = None,
    ) -> None:
        if sync not in SYNC_MODES:
            raise ValueError(f"sync must be one of {', '.join(SYNC_MODES)}, not {sync!r}")
        self.dropped = 0
        self._folder = folder / SEGMENTS / host
        self._bytes, self._seconds, self._sync = segment_bytes, segment_seconds, sync
        self._clock = clock or SystemClock()
        self._schemas: dict[str, bytes] = {}
        self._warned = -_WARN_SECONDS
        self._lock = threading.Lock()
        self._current: _Segment | None = None
        self._retired: list[_Segment] = []
        self._rename()
        _watch_forks(weakref.ref(self))  # the hooks can't be taken back: they must not keep the writer alive

    def declare(self, schema: Schema) -> None:
        """Make the bytes of a version readable: written before its first prediction in every segment."""
        self._schemas[schema.digest] = segment.encode(schema)

    def append(self, *records: Record) -> bool:
        """Hand all records to the system in one write; False (and counted) if it could not take them."""
        frames = [piece for each in records for piece in segment.pieces(each)]
        with self._lock:
            try:
                current = self._current or self._open()
                if new := self._undeclared(current, records):
                    frames[:0] = [self._schemas[each] for each in sorted(new)]
                self._write(current, frames)
                current.digests |= new
            except OSError as error:
                self._drop(len(records), error)
                return False
            if current.size >= self._bytes:
                self._retire()
        return True

    def _undeclared(self, current: _Segment, records: Sequence[Record]) -> set[str]:
        """Versions with a schema that the segment does not have yet."""
        known = current.digests
        new = {each.digest for each in records if isinstance(each, Prediction) and each.digest not in known}
        return new & self._schemas.keys() if new else new

    def roll(self) -> None:
        """Close what is old or full, and sync as the mode says; never while `append` waits."""
        with self._lock:
            current = self._current
            if current and self._clock.monotonic() - current.born >= self._seconds:
                self._retire()
            retired, self._retired = self._retired, []
            duplicate = self._to_sync()
        for each in retired:
            self._finish(each)
        if duplicate is not None:
            self._sync_and_close(duplicate)

    def close(self) -> None:
        """Close the segment; a later `append` opens another."""
        with self._lock:
            self._retire()
        self.roll()

    def _rename(self) -> None:
        # The process id is for people. What no other segment may share is the rest: rows are written by this name.
        self._name = f"{os.getpid()}-{new_id()}"
        self._sequence = 0

    def before_fork(self) -> None:
        """Hold the lock, so that the child finds the segment whole."""
        self._lock.acquire()

    def after_fork(self, child: bool) -> None:
        """Go on; a child first lets go of the parent's files, which stay the parent's."""
        if child:
            for each in (self._current, *self._retired):
                if each:
                    os.close(each.descriptor)
            self._current, self._retired, self._lock = None, [], threading.Lock()
            self._rename()
        else:
            self._lock.release()

    def _open(self) -> _Segment:
        self._folder.mkdir(parents=True, exist_ok=True)
        while True:
            path = self._folder / f"{self._name}-{self._sequence:06d}{OPEN}"
            self._sequence += 1
            with contextlib.suppress(FileExistsError):
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)
                if _claimed(path, descriptor):
                    break
                os.close(descriptor)
        self._current = _Segment(path, descriptor, self._clock.monotonic())
        return self._current

    def _write(self, current: _Segment, pieces: list[bytes]) -> None:
        """All pieces, or nothing of them: a short write is taken back."""
        if not current.size:
            pieces.insert(0, segment.HEADER)
        size = sum(map(len, pieces))
        try:
            done = os.writev(current.descriptor, pieces[:_AT_ONCE])
            if done < size:
                _write_rest(current.descriptor, pieces, done)
            if self._sync == "each":
                os.fdatasync(current.descriptor)
        except OSError:
            self._take_back(current)
            raise
        current.size += size
        current.dirty = True

    def _take_back(self, current: _Segment) -> None:
        try:
            os.ftruncate(current.descriptor, current.size)
        except OSError:
            self._retire()  # half a record stays behind: nothing may follow it

    def _retire(self) -> None:
        if self._current:
            self._retired.append(self._current)
            self._current = None

    def _to_sync(self) -> int | None:
        current = self._current
        if self._sync != "interval" or not current or not current.dirty:
            return None
        current.dirty = False
        try:
            return os.dup(current.descriptor)
        except OSError:
            return None

    def _finish(self, done: _Segment) -> None:
        try:
            if self._sync != "none":
                os.fdatasync(done.descriptor)
            done.path.rename(done.path.with_suffix(CLOSED))
        except OSError as error:  # stays `.open`; once unlocked, the compactor takes it as it is
            self._warn(error)
        finally:
            os.close(done.descriptor)

    def _sync_and_close(self, descriptor: int) -> None:
        try:
            os.fdatasync(descriptor)
        except OSError as error:
            self._warn(error)
        finally:
            os.close(descriptor)

    def _drop(self, count: int, error: OSError) -> None:
        self.dropped += count
        self._warn(error)

    def _warn(self, error: OSError) -> None:
        now = self._clock.monotonic()
        if now - self._warned >= _WARN_SECONDS:
            self._warned = now
            message = f"The journal can't be written ({error.strerror}): make room in its folder. Serving goes on."
            _log.warning("journal-write-failed", message, dropped=self.dropped, folder=str(self._folder))


def _watch_forks(reference: weakref.ReferenceType[Writer]) -> None:
    held: list[Writer] = []  # the same writer before and after, also when its last reference goes in between

    def before() -> None:
        if writer := reference():
            writer.before_fork()
            held.append(writer)

    def after(child: bool) -> None:
        while held:
            held.pop().after_fork(child)

    os.register_at_fork(before=before, after_in_parent=lambda: after(False), after_in_child=lambda: after(True))


def _write_rest(descriptor: int, pieces: list[bytes], done: int) -> None:
    """All but the first `done` bytes."""
    left: list[bytes | memoryview] = list(reversed(pieces))
    while left:
        while left and done >= len(left[-1]):
            done -= len(left.pop())
        if done:
            left[-1] = memoryview(left[-1])[done:]
        done = os.writev(descriptor, left[: -_AT_ONCE - 1 : -1]) if left else 0


def _claimed(path: Path, descriptor: int) -> bool:
    """Lock the new file; False if a compactor took it for abandoned before it was locked."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except (BlockingIOError, FileNotFoundError):
        return False
