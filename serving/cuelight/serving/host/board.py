"""The cue board: shared memory through which follower and workers prepare, acknowledge and commit a generation.

A file of aligned eight-byte words, mapped by every process. Each word has one writer at a time and is stored
in one instruction (a `memoryview` cast to words; `struct.pack_into` would write bytes), so no reader sees half of one.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_MAGIC = 0x4355454C49474831  # "CUELIGH1"
_HEADER, _SLOT, _SLOTS = 16, 8, 128
_WORDS = _HEADER + _SLOT * _SLOTS
_TARGET, _COMMITTED, _READING, _SETTLED, _OPENED = 1, 2, 3, 4, 5
_PID, _STARTED, _LOADED, _FAILED, _BEAT = range(5)


@dataclass(frozen=True)
class Worker:
    """One live worker as the board shows it; `beat` is its last sign of life (the machine's monotonic seconds)."""

    slot: int
    pid: int
    started: int
    loaded: int
    failed: int
    beat: float


class Board:
    """One host's cue board. The follower alone writes target and committed; a worker writes its own slot alone."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock_path = path.with_suffix(".lock")
        with self._locked():
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                if os.fstat(descriptor).st_size != _WORDS * 8:
                    os.ftruncate(descriptor, _WORDS * 8)
                self._map = mmap.mmap(descriptor, _WORDS * 8)
            finally:
                os.close(descriptor)
            self._words = memoryview(self._map).cast("Q")
            if self._words[0] != _MAGIC:
                for index in range(_WORDS):
                    self._words[index] = 0
                self._words[0] = _MAGIC

    @property
    def committed(self) -> int:
        """The generation in charge."""
        return self._words[_COMMITTED]

    @property
    def target(self) -> int:
        """The generation to stand by for; equal to `committed` when nothing is being prepared."""
        return self._words[_TARGET]

    @property
    def last_reading(self) -> float:
        """When the follower last had a good reading of the registry (epoch seconds); 0 if never."""
        return self._words[_READING] / 1000

    def note_reading(self, now: float) -> None:
        """Follower: the registry was just read."""
        self._words[_READING] = int(now * 1000)

    @property
    def settled(self) -> bool:
        """Whether this host has ever served all that it was to serve at the time, be it nothing."""
        return self._words[_COMMITTED] > 0 or self._words[_SETTLED] > 0

    def note_settled(self, now: float) -> None:
        """Follower: nothing is left to be done of what the registry said at that moment (epoch seconds)."""
        self._words[_SETTLED] = int(now * 1000)

    def open(self, now: float) -> None:
        """The server's master, before it forks workers: what was settled until now may have changed since."""
        self._words[_OPENED] = int(now * 1000)

    def caught_up(self, now: float, patience: float) -> bool:
        """Whether this host serves what the registry said since the server started, or has waited long enough (s)."""
        late = now * 1000 - self._words[_OPENED] > patience * 1000
        return self._words[_SETTLED] > self._words[_OPENED] or late

    def prepare(self, generation: int) -> None:
        """Follower: ask all workers to stand by for `generation`."""
        self._words[_TARGET] = generation

    def commit(self, generation: int) -> None:
        """Follower: switch every worker at once, by one store."""
        self._words[_TARGET] = generation
        self._words[_COMMITTED] = generation
        self._map.flush()

    def abandon(self) -> None:
        """Follower: drop what is being prepared."""
        self._words[_TARGET] = self._words[_COMMITTED]

    def claim(self) -> int:
        """Worker: take a free slot, before it reads the committed generation.

        Raises:
            RuntimeError: more workers than the board has slots.
        """
        with self._locked():
            for slot in range(_SLOTS):
                at = self._at(slot)
                if not self._words[at + _PID] or not _alive(self._words[at + _PID], self._words[at + _STARTED]):
                    for field in (_LOADED, _FAILED):
                        self._words[at + field] = 0
                    self._words[at + _STARTED] = started(os.getpid())
                    self.beat(slot)
                    self._words[at + _PID] = os.getpid()
                    return slot
        raise RuntimeError(f"The cue board has {_SLOTS} slots and all are taken.")

    def acknowledge(self, slot: int, generation: int) -> None:
        """Worker: `generation` is loaded and warm."""
        self._words[self._at(slot) + _LOADED] = generation

    def fail(self, slot: int, generation: int) -> None:
        """Worker: `generation` can't be loaded here."""
        self._words[self._at(slot) + _FAILED] = generation

    def beat(self, slot: int) -> None:
        """Worker: I am alive."""
        # The monotonic clock is one for all processes; a step of the time of day would make every worker silent.
        self._words[self._at(slot) + _BEAT] = int(time.monotonic() * 1000)

    def release(self, slot: int) -> None:
        """Worker, on its way out."""
        self._words[self._at(slot) + _PID] = 0

    def dismiss(self, worker: Worker) -> None:
        """Follower: that one is gone, or is as good as gone."""
        with self._locked():  # a new worker may have claimed the slot since
            if self._words[self._at(worker.slot) + _PID] == worker.pid:
                self.release(worker.slot)

    def workers(self) -> list[Worker]:
        """The live workers; slots of dead ones are dropped."""
        live = []
        for slot in range(_SLOTS):
            at = self._at(slot)
            fields = self._words[at : at + _SLOT]
            if not fields[_PID]:
                continue
            pid, began = fields[_PID], fields[_STARTED]
            worker = Worker(slot, pid, began, fields[_LOADED], fields[_FAILED], fields[_BEAT] / 1000)
            if _alive(worker.pid, worker.started):
                live.append(worker)
            else:
                self.dismiss(worker)
        return live

    def close(self) -> None:
        """Unmap the board."""
        self._words.release()
        self._map.close()

    @staticmethod
    def _at(slot: int) -> int:
        return _HEADER + slot * _SLOT

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def started(pid: int) -> int:
    """When that process started, in the kernel's ticks since boot; 0 if it is gone or a zombie.

    With its id, a process's name for good. From /proc (proc(5), `stat`, fields 3 and 22), because a time of day
    would differ between two readers once the clock is set.
    """
    try:
        # The name, in parentheses, may hold anything; what follows its last parenthesis is field 3 and on.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in (b"Z", b"X") else int(fields[19])


def _alive(pid: int, began: int) -> bool:
    return began != 0 and started(pid) == began
