"""What is measured for the capacity page: flat records, kept as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from benchmarks import environments
from benchmarks.kept import Kept

PUBLISHED = Path(__file__).parent.parent / "capacity.json"
LAST = environments.ROOT / ".cuelight" / "bench" / "capacity.json"


@dataclass(frozen=True)
class Serving:
    """One worker alone on its core, asked single rows; `cpu_us`: processor time of the server's tree a request.

    `way`: how it predicts. `sent`, `received`: bytes of one request and of its answer, with their headers.
    """

    kind: str
    way: str
    connections: int
    rate: float
    cpu_us: float
    p99_ms: float
    sent: int
    received: int


@dataclass(frozen=True)
class Passing:
    """A request through the gateway: processor time of the gateway and of the server behind it, µs."""

    way: str
    connections: int
    rate: float
    gateway_us: float
    server_us: float


@dataclass(frozen=True)
class Memory:
    """A server of two workers with so many models, a version each: MiB of a worker's own, and of all its processes."""

    kind: str
    versions: int
    worker_mib: float
    all_mib: float
    file_mib: float


@dataclass(frozen=True)
class Journal:
    """Requests of so many rows of ten numbers: bytes a request as JSON, in segments, and as Parquet after merging.

    `cpu_us`: processor time of compacting and merging a request; `rate`: requests a second of one compactor.
    """

    rows: int
    json_bytes: float
    segment_bytes: float
    disk_bytes: float
    cpu_us: float
    rate: float


@dataclass(frozen=True)
class Reading:
    """What MLflow's server takes for a follower's probe (one request) and sweep (`requests`): processor ms, and ms."""

    database: str
    models: int
    probe_cpu_ms: float
    probe_ms: float
    sweep_cpu_ms: float
    sweep_ms: float
    requests: int


@dataclass(frozen=True)
class Following:
    """So many followers at once, as they poll: cores that MLflow's server and its database take, and requests/s."""

    database: str
    models: int
    hosts: int
    cores: float
    requests: float


@dataclass(frozen=True)
class Download:
    """One file through MLflow's server: MiB, seconds, and processor seconds of the server."""

    mib: float
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Beat:
    """A heartbeat in a table of so many hosts, and a gateway's look at it, ms; `server_cpu_ms`: of the database."""

    database: str
    hosts: int
    models: int
    beat_ms: float
    beat_cpu_ms: float
    server_cpu_ms: float
    look_ms: float


@dataclass(frozen=True)
class Members:
    """A gateway that is told of so many hosts: until it has them all, s; its processor seconds; and cores at rest."""

    hosts: int
    seconds: float
    cpu_seconds: float
    resting_cores: float


@dataclass(frozen=True)
class Drift:
    """A drift job on a window of so many rows, of which at most `most` are judged."""

    rows: int
    most: int
    seconds: float
    cpu_seconds: float
    memory_mib: float


@dataclass
class Figures(Kept):
    """All of it, with the conditions."""

    KINDS: ClassVar[Mapping[str, Any]] = {
        "servings": Serving,
        "passings": Passing,
        "memories": Memory,
        "journals": Journal,
        "readings": Reading,
        "followings": Following,
        "downloads": Download,
        "beats": Beat,
        "members": Members,
        "drifts": Drift,
    }

    servings: list[Serving] = field(default_factory=list)
    passings: list[Passing] = field(default_factory=list)
    memories: list[Memory] = field(default_factory=list)
    journals: list[Journal] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    followings: list[Following] = field(default_factory=list)
    downloads: list[Download] = field(default_factory=list)
    beats: list[Beat] = field(default_factory=list)
    members: list[Members] = field(default_factory=list)
    drifts: list[Drift] = field(default_factory=list)
