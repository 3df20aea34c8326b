"""What was measured, as tables: in short, and all of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from benchmarks.capacity.amounts import in_bytes, rounded
from benchmarks.capacity.arithmetic import along, following
from benchmarks.capacity.figures import Figures
from benchmarks.capacity.registry import POLL_SECONDS
from benchmarks.ratios import number
from benchmarks.tables import Table


def in_short(figures: Figures) -> Table:
    """The most that one core, and one host, bear."""
    best = {
        kind: max(e.rate for e in figures.servings if e.kind == kind)
        for kind in dict.fromkeys(each.kind for each in figures.servings)
    }
    rates = ", ".join(f"{rounded(rate)} {kind}" for kind, rate in best.items())
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
            f"{in_bytes(100 * record.disk_bytes * 86_400)} a day at 100 requests a second",
        ],
        ["compaction, single rows", f"{rounded(record.rate)} requests a second"],
        ["MLflow's server, for one host that follows it", f"at most {100 * share:.1f} % of a core"],
        [f"a drift job of {job.rows:,} rows of 20 columns", f"{job.seconds:.0f} s, {job.memory_mib:.0f} MiB"],
    ]
    return Table("", ("of", "is about"), rows)


def measured(figures: Figures) -> Iterator[Table]:
    """One table for each thing that was measured."""
    yield _servings(figures)
    yield _passings(figures)
    yield _memories(figures)
    yield _journals(figures)
    yield _registry(figures)
    yield _downloads(figures)
    yield _beats(figures)
    yield _members(figures)
    yield _drifts(figures)


def _servings(figures: Figures) -> Table:
    return Table(
        "One worker, one core: single rows",
        (
            *("model", "way", "connections", "requests/s", "CPU µs a request", "p99 ms"),
            *("bytes of a request", "of its answer"),
        ),
        [
            [e.kind, f"`{e.way}`", str(e.connections), *map(number, (e.rate, e.cpu_us, e.p99_ms, e.sent, e.received))]
            for e in figures.servings
        ],
    )


def _passings(figures: Figures) -> Table:
    return Table(
        "Through the gateway, linear model",
        ("way", "connections", "requests/s", "CPU µs of the gateway", "CPU µs of the server"),
        [
            [e.way, str(e.connections), number(e.rate), number(e.gateway_us), number(e.server_us)]
            for e in figures.passings
        ],
    )


def _memories(figures: Figures) -> Table:
    return Table(
        "Memory of a server with two workers, MiB",
        (
            *("model", "file", "models served", "of all processes", "of one worker alone"),
            *("a model more: in all", "a worker"),
        ),
        list(_memory_rows(figures)),
    )


def _memory_rows(figures: Figures) -> Iterator[list[str]]:
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


def _journals(figures: Figures) -> Table:
    return Table(
        "The journal: a request of ten numbers a row",
        ("rows", "as JSON", "in segments", "as Parquet", "CPU µs to compact and merge", "requests/s of a compactor"),
        [
            [
                f"{e.rows:,}",
                *map(in_bytes, (e.json_bytes, e.segment_bytes, e.disk_bytes)),
                *(number(e.cpu_us), number(e.rate)),
            ]
            for e in figures.journals
        ],
    )


def _registry(figures: Figures) -> Table:
    return Table(
        f"MLflow's server, for followers that poll every {POLL_SECONDS:g} s",
        (
            *("database", "models", "probe: CPU ms", "sweep: CPU ms", "sweep: ms", "requests a sweep"),
            *("cores a host, by these", "as several followers took them", "hosts to fill a core"),
        ),
        list(_registry_rows(figures)),
    )


def _registry_rows(figures: Figures) -> Iterator[list[str]]:
    taken = {(each.database, each.models): each.cores / each.hosts for each in figures.followings}
    for each in figures.readings:
        share = following(each, POLL_SECONDS)
        seen = taken.get((each.database, each.models))
        cells = [each.database, f"{each.models:,}", *map(number, (each.probe_cpu_ms, each.sweep_cpu_ms, each.sweep_ms))]
        yield [*cells, str(each.requests), f"{share:.3f}", f"{seen:.3f}" if seen else "-", f"{1 / share:.0f}"]


def _downloads(figures: Figures) -> Table:
    return Table(
        "A file through MLflow's server",
        ("MiB", "seconds", "CPU seconds"),
        [[number(e.mib), number(e.seconds), number(e.cpu_seconds)] for e in figures.downloads],
    )


def _beats(figures: Figures) -> Table:
    return Table(
        "The operations database",
        (
            *("database", "hosts in the table", "heartbeat ms", "of the host's CPU", "of the database's CPU"),
            "a gateway's look ms",
        ),
        [
            [e.database, f"{e.hosts:,}", *map(_or_none, (e.beat_ms, e.beat_cpu_ms, e.server_cpu_ms, e.look_ms))]
            for e in figures.beats
        ],
    )


def _members(figures: Figures) -> Table:
    return Table(
        "Hosts behind a gateway",
        ("hosts", "seconds until it has them", "CPU seconds for that", "cores to probe them"),
        [[f"{e.hosts:,}", *map(number, (e.seconds, e.cpu_seconds, e.resting_cores))] for e in figures.members],
    )


def _drifts(figures: Figures) -> Table:
    return Table(
        "Drift jobs: 20 columns, the whole command",
        ("rows", "seconds", "CPU seconds", "peak of memory, MiB"),
        [[f"{e.rows:,}", *map(number, (e.seconds, e.cpu_seconds, e.memory_mib))] for e in figures.drifts],
    )


def _or_none(value: float) -> str:
    return number(value) if value else "-"


def _ways(figures: Figures) -> Iterable[str]:
    return dict.fromkeys(each.way for each in figures.passings)
