"""What one run of the benchmarks found, as flat records, to be filtered for tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from benchmarks.kept import Kept


@dataclass(frozen=True)
class Single:
    """One round of single rows at one server; times in ms, `cpu_us`: processor time of its whole tree a request."""

    model: str
    workers: int
    connections: int
    round: int
    server: str
    rate: float
    p50_ms: float
    p99_ms: float
    failed: int
    cpu_us: float


@dataclass(frozen=True)
class Server:
    """One server that was up: from start to the first right answer, and its tree's memory after the load.

    `way`: how it predicts, where it says so.
    """

    model: str
    workers: int
    server: str
    start_seconds: float
    memory_mb: float
    way: str = ""


@dataclass(frozen=True)
class Batch:
    """One request with many rows, or the same work in process (`server` is then empty)."""

    model: str
    server: str
    protocol: str
    rows: int
    round: int
    ms: float


@dataclass(frozen=True)
class Bare:
    """Rows a second of the estimator's own `predict` on 64-row arrays, in process."""

    model: str
    round: int
    rows_per_second: float


@dataclass(frozen=True)
class Switching:
    """One round of single rows, 8 connections, while versions are promoted (`kind`), `switches` of them."""

    kind: str
    round: int
    rate: float
    p50_ms: float
    p99_ms: float
    failed: int
    switches: int


@dataclass(frozen=True)
class Shadowing:
    """One round of single rows, `share` percent of them mirrored to the version in Staging.

    `mirrored`: asked of it; `dropped`: for which its queue had no room.
    """

    model: str
    load: str
    share: int
    round: int
    requests: int
    rate: float
    p50_ms: float
    p99_ms: float
    failed: int
    mirrored: int
    dropped: int


@dataclass(frozen=True)
class Asking:
    """One round of single rows at a model on a track while versions on none were `asked` for beside it, by `kind`.

    `hits`: they were in memory; `grown_mib`: by how much their process was larger than at its start, at most.
    """

    kind: str
    round: int
    p50_ms: float
    p99_ms: float
    asked: int
    asked_p50_ms: float
    asked_p99_ms: float
    failed: int
    hits: int
    loads: int
    evictions: int
    grown_mib: float


@dataclass(frozen=True)
class LeftOut:
    """What was not measured, and why."""

    what: str
    reason: str


@dataclass
class Results(Kept):
    """All of it, with the conditions: machine, versions, each server's settings in words, rounds and seconds."""

    KINDS: ClassVar[Mapping[str, Any]] = {
        "singles": Single,
        "servers": Server,
        "batches": Batch,
        "bares": Bare,
        "switchings": Switching,
        "shadowings": Shadowing,
        "askings": Asking,
        "left_out": LeftOut,
    }

    singles: list[Single] = field(default_factory=list)
    servers: list[Server] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    bares: list[Bare] = field(default_factory=list)
    switchings: list[Switching] = field(default_factory=list)
    shadowings: list[Shadowing] = field(default_factory=list)
    askings: list[Asking] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def leave_out(self, what: str, reason: str) -> None:
        """Note once that something could not be measured."""
        if LeftOut(what, reason) not in self.left_out:
            self.left_out.append(LeftOut(what, reason))
