"""From what was measured to what so many requests a second need, and to what is too small first. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.capacity.assumptions import Assumptions
from benchmarks.capacity.figures import Figures, Reading
from benchmarks.capacity.parts import PARTS, Load
from benchmarks.capacity.serving import PLAIN
from cuelight.serving.following.watcher import REST_FACTOR

_DAY, _MONTH_HOURS = 86_400.0, 730.0
_GIB = 2**30
_DATABASE_CORES = 2  # for PostgreSQL, whatever it has to do


@dataclass(frozen=True)
class Estimate:
    """What one rate (requests a second at peak, single rows) of one kind of model takes.

    Attributes:
        hosts, gateways: with those that are spare.
        workers: cores that scoring keeps busy at the highest rate, without headroom; `compaction`: the journal's.
        registry: cores of MLflow's server, for all followers.
        day_bytes, kept_bytes: of the journal, in a day and as long as it is kept.
        gbit: of all callers together, requests and answers, Gbit/s.
        memory_gib: of one host.
        cost: a month, the journal on disk; `journal_cost`: that part alone, and `object_cost` in an object store.
        loads: each part as a multiple of its limit, the largest first.
    """

    kind: str
    rate: float
    hosts: int
    gateways: int
    workers: float
    compaction: float
    registry: float
    day_bytes: float
    kept_bytes: float
    gbit: float
    memory_gib: float
    cost: float
    journal_cost: float
    object_cost: float
    loads: Sequence[Load]


def estimate(figures: Figures, kind: str, rate: float, given: Assumptions) -> Estimate:
    """What it takes, in hosts of one kind."""
    served = max((each for each in figures.servings if each.kind == kind), key=lambda each: each.rate)
    passed = min((each for each in figures.passings if each.way != PLAIN), key=lambda each: each.gateway_us)
    record = next(each for each in figures.journals if each.rows == 1)
    recorded = rate * given.mean  # requests a second, on average
    workers, compaction = rate / served.rate, recorded * record.cpu_us / 1e6
    hosts = spared((workers + compaction) / given.headroom / given.cores, given)
    passing = rate * passed.gateway_us / 1e6
    gateways = spared(passing / given.headroom / given.cores, given)
    registry, database = _several(figures, given, hosts)
    kept = recorded * record.disk_bytes * _DAY * given.days
    memory = _memory(figures, kind, given)
    gbit = rate * (served.sent + served.received) * 8 / 1e9
    drift = given.models * figures.drifts[0].seconds / given.drift_seconds
    resting = along([(each.hosts, each.resting_cores) for each in figures.members], hosts)
    download, size = figures.downloads[0], _file(figures, kind)
    loads = {
        "gateway": passing / (given.cores * given.headroom),
        "MLflow": registry / given.headroom,
        "heartbeats": hosts * database / given.heartbeat_seconds,
        "compactor": recorded / hosts / record.rate,
        "disk": kept / hosts / (given.disk_gib * _GIB),
        "fetching": hosts * size * download.cpu_seconds / download.mib / given.rollout_seconds,
        "drift": drift,
        "network": gbit / given.network_gbit,
        "probes": resting / (given.cores * given.headroom),
    }
    rest = math.ceil(registry / given.headroom) + math.ceil(drift) + _DATABASE_CORES
    cores = (hosts + gateways) * given.cores + rest
    disk, objects = (kept / _GIB * price for price in (given.disk_month, given.object_month))
    cost = cores * given.core_hour * _MONTH_HOURS + hosts * memory * given.memory_month + disk
    return Estimate(
        kind=kind,
        rate=rate,
        hosts=hosts,
        gateways=gateways,
        workers=workers,
        compaction=compaction,
        registry=registry,
        day_bytes=kept / given.days,
        kept_bytes=kept,
        gbit=gbit,
        memory_gib=memory,
        cost=cost,
        journal_cost=disk,
        object_cost=objects,
        loads=sorted((Load(PARTS[name], each) for name, each in loads.items()), key=lambda each: -each.times),
    )


def spared(needed: float, given: Assumptions) -> int:
    """Hosts, so that as many as are needed are left without one zone (or, of one zone, without one host)."""
    zones = int(given.zones)
    if zones < 2:
        return math.ceil(needed) + 1
    return max(zones, zones * math.ceil(needed / (zones - 1)))


def following(reading: Reading, poll: float) -> float:
    """Cores of MLflow's server that one follower takes: it sweeps at every poll, or probes and sweeps now and then.

    Followers wait `REST_FACTOR` times as long as a sweep took, if that is longer than a poll.
    """
    sweep, probe_cpu, sweep_cpu = (
        each / 1000 for each in (reading.sweep_ms, reading.probe_cpu_ms, reading.sweep_cpu_ms)
    )
    rest = REST_FACTOR * sweep
    if rest <= poll:
        return sweep_cpu / (poll + sweep)
    return probe_cpu / poll + (sweep_cpu + probe_cpu) / (rest + sweep)


def along(points: Sequence[tuple[float, float]], at: float) -> float:
    """The straight line through the two points about `at`, or nearest to it; never below 0."""
    known = sorted(points)
    if len(known) == 1:
        return known[0][1]
    place = min(max(1, sum(x < at for x, _ in known)), len(known) - 1)
    (x0, y0), (x1, y1) = known[place - 1], known[place]
    return max(0.0, y0 + (y1 - y0) * (at - x0) / (x1 - x0))


def _several(figures: Figures, given: Assumptions, hosts: int) -> tuple[float, float]:
    """Cores of MLflow's server for so many hosts, and seconds of a heartbeat among them: several share PostgreSQL."""
    database = figures.readings[-1].database
    readings = [each for each in figures.readings if each.database == database]
    shares = [(each.models, following(each, given.poll_seconds)) for each in readings]
    beats = [(each.hosts, each.beat_ms / 1000) for each in figures.beats if each.database == database]
    return hosts * along(shares, given.models), along(beats, hosts)


def _memory(figures: Figures, kind: str, given: Assumptions) -> float:
    """GiB of a host: two workers' server as it was measured, more workers, and each model in all of them."""
    known = [each for each in figures.memories if each.kind == kind]
    own = along([(each.versions, each.worker_mib) for each in known], given.models)
    both = along([(each.versions, each.all_mib) for each in known], given.models)
    return (both + (given.cores - 2) * own) / 1024


def _file(figures: Figures, kind: str) -> float:
    return next(each.file_mib for each in figures.memories if each.kind == kind)
