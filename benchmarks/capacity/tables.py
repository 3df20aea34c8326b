"""What was measured, and what follows from it, as tables. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields

from benchmarks.capacity.arithmetic import Estimate, along, estimate, following
from benchmarks.capacity.assumptions import Assumptions
from benchmarks.capacity.figures import Figures
from benchmarks.capacity.parts import PARTS
from benchmarks.capacity.registry import POLL_SECONDS
from benchmarks.ratios import number
from benchmarks.tables import Table

RATES = (1_000, 100_000, 1_000_000)
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")
_FIRST = 3  # parts that are named of each estimate


def measured(figures: Figures) -> Iterator[Table]:
    """One table for each thing that was measured."""
    yield Table(
        "One worker, one core: single rows",
        (
            "model",
            "way",
            "connections",
            "requests/s",
            "CPU µs a request",
            "p99 ms",
            "bytes of a request",
            "of its answer",
        ),
        [
            [e.kind, f"`{e.way}`", str(e.connections), *map(number, (e.rate, e.cpu_us, e.p99_ms, e.sent, e.received))]
            for e in figures.servings
        ],
    )
    yield Table(
        "Through the gateway, linear model",
        ("way", "connections", "requests/s", "CPU µs of the gateway", "CPU µs of the server"),
        [
            [e.way, str(e.connections), number(e.rate), number(e.gateway_us), number(e.server_us)]
            for e in figures.passings
        ],
    )
    yield Table(
        "Memory of a server with two workers, MiB",
        (
            "model",
            "file",
            "models served",
            "of all processes",
            "of one worker alone",
            "a model more: in all",
            "a worker",
        ),
        list(_memories(figures)),
    )
    yield Table(
        "The journal: a request of ten numbers a row",
        ("rows", "as JSON", "in segments", "as Parquet", "CPU µs to compact and merge", "requests/s of a compactor"),
        [
            [f"{e.rows:,}", *map(size, (e.json_bytes, e.segment_bytes, e.disk_bytes)), number(e.cpu_us), number(e.rate)]
            for e in figures.journals
        ],
    )
    yield Table(
        f"MLflow's server, for followers that poll every {POLL_SECONDS:g} s",
        _columns(
            "database | models | probe: CPU ms | sweep: CPU ms | sweep: ms | requests a sweep | "
            "cores a host, by these | as several followers took them | hosts to fill a core"
        ),
        list(_registry(figures)),
    )
    yield Table(
        "A file through MLflow's server",
        ("MiB", "seconds", "CPU seconds"),
        [[number(e.mib), number(e.seconds), number(e.cpu_seconds)] for e in figures.downloads],
    )
    yield Table(
        "The operations database",
        _columns(
            "database | hosts in the table | heartbeat ms | of the host's CPU | of the database's CPU | "
            "a gateway's look ms"
        ),
        [
            [e.database, f"{e.hosts:,}", *map(_or_none, (e.beat_ms, e.beat_cpu_ms, e.server_cpu_ms, e.look_ms))]
            for e in figures.beats
        ],
    )
    yield Table(
        "Hosts behind a gateway",
        ("hosts", "seconds until it has them", "CPU seconds for that", "cores to probe them"),
        [[f"{e.hosts:,}", *map(number, (e.seconds, e.cpu_seconds, e.resting_cores))] for e in figures.members],
    )
    yield Table(
        "Drift jobs: 20 columns, the whole command",
        ("rows", "seconds", "CPU seconds", "peak of memory, MiB"),
        [[f"{e.rows:,}", *map(number, (e.seconds, e.cpu_seconds, e.memory_mib))] for e in figures.drifts],
    )


def at_scale(figures: Figures, given: Assumptions, rates: Sequence[float] = RATES) -> Iterator[Table]:
    """What rates need, what is too small first, and what helps."""
    kinds = dict.fromkeys(each.kind for each in figures.servings)
    found = [estimate(figures, kind, rate, given) for rate in rates for kind in kinds]
    yield Table(
        "What it takes",
        _columns(
            "requests/s at peak | model | hosts | gateways | busy cores: scoring | compacting | MLflow | "
            f"memory of a host | journal a day | in {given.days:g} days | network, Gbit/s | USD a month | "
            "of that the journal | the same in an object store"
        ),
        [_row(each) for each in found],
    )
    yield Table(
        "What is too small first, as it comes: times its limit",
        ("requests/s at peak", "model", "first", "second", "third"),
        [[f"{e.rate:,.0f}", e.kind, *(_load(load.part.name, load.times) for load in e.loads[:_FIRST])] for e in found],
    )
    yield Table(
        "The limits, and what helps",
        ("part", "limit", "what helps"),
        [[each.name, each.limit, each.remedy] for each in PARTS.values()],
    )


def assumed(given: Assumptions) -> Table:
    """What the arithmetic takes for granted, and by which option it is changed."""
    rows = [
        [f"`--{each.name.replace('_', '-')}`", f"{getattr(given, each.name):g}", *each.metadata.values()]
        for each in fields(given)
    ]
    return Table("Assumed", ("option", "value", "unit", "is"), rows)


def in_short(figures: Figures) -> Table:
    """The most that one core, and one host, bear."""
    best = {
        kind: max(e.rate for e in figures.servings if e.kind == kind)
        for kind in dict.fromkeys(each.kind for each in figures.servings)
    }
    rates = ", ".join(f"{_rounded(rate)} {kind}" for kind, rate in best.items())
    passed = {way: min(e.gateway_us for e in figures.passings if e.way == way) for way in _ways(figures)}
    passing = ", ".join(f"{number(us)} {way}" for way, us in passed.items())
    empty = next(e for e in figures.memories if e.versions == 0)
    record, job = figures.journals[0], figures.drifts[-1]
    share = max(following(each, POLL_SECONDS) for each in figures.readings)
    rows = [
        ["requests a second of a worker with a core to itself", rates],
        ["processor time of the gateway a request, µs", passing],
        [
            "memory of a server with two workers and no model",
            f"{empty.all_mib:.0f} MiB, {empty.worker_mib:.0f} a worker",
        ],
        [
            "journal, single rows of ten numbers",
            f"{record.disk_bytes:.0f} bytes a request; "
            f"{size(100 * record.disk_bytes * 86_400)} a day at 100 requests a second",
        ],
        ["compaction, single rows", f"{_rounded(record.rate)} requests a second"],
        ["MLflow's server, for one host that follows it", f"at most {100 * share:.1f} % of a core"],
        [f"a drift job of {job.rows:,} rows of 20 columns", f"{job.seconds:.0f} s, {job.memory_mib:.0f} MiB"],
    ]
    return Table("", ("of", "is about"), rows)


def size(count: float) -> str:
    """Bytes in the unit that suits them."""
    power = 0
    while count >= 1000 and power < len(_UNITS) - 1:
        count, power = count / 1000, power + 1
    return f"{count:.0f} {_UNITS[power]}" if not power else f"{number(count)} {_UNITS[power]}"


def _memories(figures: Figures) -> Iterator[list[str]]:
    for kind in dict.fromkeys(each.kind for each in figures.memories):
        known = [each for each in figures.memories if each.kind == kind]
        last = known[-1]
        more = [
            along([(each.versions, getattr(each, name)) for each in known if each.versions], last.versions + 1)
            - getattr(last, name)
            for name in ("all_mib", "worker_mib")
        ]
        for each in known:
            cells = [kind, number(each.file_mib), str(each.versions), f"{each.all_mib:.0f}", f"{each.worker_mib:.1f}"]
            yield [*cells, *(map(number, more) if each is last else ("", ""))]


def _registry(figures: Figures) -> Iterator[list[str]]:
    taken = {(each.database, each.models): each.cores / each.hosts for each in figures.followings}
    for each in figures.readings:
        share = following(each, POLL_SECONDS)
        seen = taken.get((each.database, each.models))
        cells = [each.database, f"{each.models:,}", *map(number, (each.probe_cpu_ms, each.sweep_cpu_ms, each.sweep_ms))]
        yield [*cells, str(each.requests), f"{share:.3f}", f"{seen:.3f}" if seen else "-", f"{1 / share:.0f}"]


def _row(found: Estimate) -> list[str]:
    cores = [number(each) for each in (found.workers, found.compaction, found.registry)]
    sizes = [
        f"{found.memory_gib:.1f} GiB",
        size(found.day_bytes),
        size(found.kept_bytes),
        number(found.gbit),
    ]
    costs = [_rounded(each) for each in (found.cost, found.journal_cost, found.object_cost)]
    return [f"{found.rate:,.0f}", found.kind, f"{found.hosts:,}", f"{found.gateways:,}", *cores, *sizes, *costs]


def _load(name: str, times: float) -> str:
    return f"**{name}: {number(times)}**" if times > 1 else f"{name}: {number(times)}"


def _or_none(value: float) -> str:
    return number(value) if value else "-"


def _columns(names: str) -> list[str]:
    return names.split(" | ")


def _rounded(value: float) -> str:
    """Two digits that count."""
    return f"{float(f'{value:.1e}'):,.0f}"


def _ways(figures: Figures) -> Iterable[str]:
    return dict.fromkeys(each.way for each in figures.passings)
