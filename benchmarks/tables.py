"""A run's results as tables, for a terminal and for the page. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks import goals, ratios
from benchmarks.ratios import MLFLOW, Ratio, number
from benchmarks.records import Asking, Results, Shadowing, Single

_REACHED = {True: "reached", False: "**not reached**", None: "not measured"}


MOST_LOAD = 0.7  # processes that wanted to run, on average over the minute before
BUSY = " **The machine did other work at the same time: this shows what is measured, and not how fast it is.**"


@dataclass(frozen=True)
class Table:
    """A title, the columns' names, and the rows."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def tables(results: Results, brief: bool = False) -> Iterator[Table]:
    """All tables, the figures to reach first; those without rows are left out. `brief`: single rows by medians."""
    singles = _brief(results) if brief else _singles(results)
    found = [_goals(results), *singles, _batches(results), _promotions(results), _shadows(results), _guests(results)]
    found += [_servers(results), _left_out(results), _settings(results)]
    yield from (each for each in found if each.rows)


def _goals(results: Results) -> Table:
    rows = [[e.work, e.against, e.wanted, e.found, _REACHED[e.reached]] for e in goals.outcomes(results)]
    return Table("Figures to reach", ("work", "against", "wanted", "found: median (least to greatest)", ""), rows)


def _singles(results: Results) -> Iterator[Table]:
    columns = ("server", "requests/s", "p50 ms", "p99 ms", "CPU µs a request", f"ratio to {MLFLOW}", "failed")
    seen = dict.fromkeys((each.model, each.workers, each.connections) for each in results.singles)
    for model, workers, connections in seen:
        found = ratios.cell(results, model, workers, connections)
        rows = [_server_row(name, rounds, _beside(found, name)) for name, rounds in found.items()]
        many = "s" if workers > 1 else ""
        yield Table(f"{model}, single rows, {connections} connections, {workers} worker{many}", columns, rows)


def _brief(results: Results) -> Iterator[Table]:
    """A table a model and number of workers, the cells of all numbers of connections beside each other."""
    connections = sorted({each.connections for each in results.singles})
    beside = " / ".join(map(str, connections))
    columns = ("server", "requests/s", "p99 ms", "CPU µs a request", f"ratio to {MLFLOW}")
    for model, workers in dict.fromkeys((each.model, each.workers) for each in results.singles):
        cells = [ratios.cell(results, model, workers, each) for each in connections]
        rows = [
            [name, *_beside_each_other(cells, name)] for name in dict.fromkeys(each for cell in cells for each in cell)
        ]
        many = "s" if workers > 1 else ""
        yield Table(f"{model}, single rows, {beside} connections, {workers} worker{many}", columns, rows)


def _beside_each_other(cells: Sequence[dict[str, list[Single]]], name: str) -> list[str]:
    figures = [[_middle(cell.get(name, ()), field) for cell in cells] for field in ("rate", "p99_ms", "cpu_us")]
    known = [_beside(cell, name) if name in cell else None for cell in cells]
    figures.append([number(each.median) if each else "-" for each in known])
    return [" / ".join(each) for each in figures]


def _middle(rounds: Sequence[Single], field: str) -> str:
    return number(statistics.median(getattr(each, field) for each in rounds)) if rounds else "-"


def _beside(found: dict[str, list[Single]], name: str) -> Ratio | None:
    return ratios.ratio(ratios.rates(found[name]), ratios.rates(found.get(MLFLOW, ())))


def _server_row(name: str, rounds: Sequence[Single], ratio: Ratio | None) -> list[str]:
    middle = [_middle(rounds, field) for field in ("rate", "p50_ms", "p99_ms", "cpu_us")]
    return [name, *middle, str(ratio or "-"), str(sum(each.failed for each in rounds))]


def _batches(results: Results) -> Table:
    rows = []
    for model, count in dict.fromkeys((each.model, each.rows) for each in results.batches):
        bare = ratios.batch(results, model, "", goals.BARE, count)
        kinds = dict.fromkeys((e.server, e.protocol) for e in results.batches if (e.model, e.rows) == (model, count))
        for server, protocol in kinds:
            times = ratios.batch(results, model, server, protocol, count)
            ratio = ratios.ratio(times, bare)
            middle = number(statistics.median(times.values()))
            rows.append([model, f"{count:,}", server or "in process", protocol, middle, str(ratio or "-")])
    return Table(
        "Many rows in one request", ("model", "rows", "server", "protocol", "ms", "ratio to bare predict"), rows
    )


def _promotions(results: Results) -> Table:
    rows = []
    steady = {each.round: each.p99_ms for each in results.switchings if each.kind == goals.STEADY}
    for kind in dict.fromkeys(each.kind for each in results.switchings):
        mine = [each for each in results.switchings if each.kind == kind]
        ratio = ratios.ratio({each.round: each.p99_ms for each in mine}, steady)
        middle = [statistics.median(getattr(each, field) for each in mine) for field in ("rate", "p50_ms", "p99_ms")]
        counts = [str(sum(each.switches for each in mine)), str(sum(each.failed for each in mine))]
        rows.append([kind, *(number(each) for each in middle), str(ratio or "-"), *counts])
    columns = ("promotions", "requests/s", "p50 ms", "p99 ms", "p99 to steady", "switches", "failed")
    return Table("While versions are promoted (linear, 8 connections)", columns, rows)


def _shadows(results: Results) -> Table:
    """Medians with and without a shadow, and the ratios between them, taken round by round."""
    rows = []
    for model, load in dict.fromkeys((each.model, each.load) for each in results.shadowings):
        mine = [each for each in results.shadowings if (each.model, each.load) == (model, load)]
        off, on = ([each for each in mine if bool(each.share) is shadow] for shadow in (False, True))
        cells = [_with_and_without(off, on, field) for field in ("rate", "p50_ms", "p99_ms")]
        mirrored = sum(each.mirrored for each in on) / max(1, sum(each.requests for each in on))
        rows.append([model, load, *(each for pair in cells for each in pair), f"{mirrored:.0%}"])
    columns = ["model", "load"]
    for name in ("requests/s", "p50 ms", "p99 ms"):
        columns += [f"{name}: without / with", "ratio"]
    return Table("With and without a shadow (single rows, 1 worker)", [*columns, "mirrored"], rows)


def _with_and_without(off: Sequence[Shadowing], on: Sequence[Shadowing], field: str) -> tuple[str, str]:
    values = [{each.round: getattr(each, field) for each in side} for side in (off, on)]
    middle = [number(statistics.median(each.values())) if each else "-" for each in values]
    return " / ".join(middle), str(ratios.ratio(values[1], values[0]) or "-")


def _guests(results: Results) -> Table:
    """A row for each kind of round: medians, sums, and the ratio of p99 to that with nothing beside it."""
    alone = {each.round: each.p99_ms for each in results.askings if each.kind == goals.NOTHING}
    rows = []
    for kind in dict.fromkeys(each.kind for each in results.askings):
        mine = [each for each in results.askings if each.kind == kind]
        beside = ratios.ratio({each.round: each.p99_ms for each in mine}, alone)
        found = [_median_of(mine, "p50_ms"), _median_of(mine, "p99_ms"), str(beside or "-"), *_asked(mine)]
        sums = [str(sum(getattr(each, name) for each in mine)) for name in ("loads", "evictions", "failed")]
        rows.append([kind, *found, *sums, number(max(each.grown_mib for each in mine))])
    columns = ["beside it", "p50 ms", "p99 ms", "p99 to nothing", "asked", "in memory", "their p50 ms", "their p99 ms"]
    columns += ["loads", "evictions", "failed", "MiB at most"]
    known = results.conditions.get("guests", {})
    fit = f"{known.get('versions')} of {known.get('version_mib')} MiB, {known.get('budget_mib')} MiB of memory"
    return Table(f"A version on a track, 200 a second, beside versions on none, 10 a second ({fit})", columns, rows)


def _asked(rounds: Sequence[Asking]) -> list[str]:
    """How many there were, how many met their version in memory, and how long they took."""
    asked, hits = sum(each.asked for each in rounds), sum(each.hits for each in rounds)
    if not asked:
        return ["-"] * 4
    return [str(asked), f"{hits / asked:.0%}", _median_of(rounds, "asked_p50_ms"), _median_of(rounds, "asked_p99_ms")]


def _median_of(rounds: Sequence[Asking], field: str) -> str:
    return number(statistics.median(getattr(each, field) for each in rounds))


def _servers(results: Results) -> Table:
    rows = [
        [e.model, str(e.workers), e.server, number(e.start_seconds), number(e.memory_mb), e.way]
        for e in results.servers
    ]
    return Table("Start and memory", ("model", "workers", "server", "start s", "memory MB (PSS)", "way"), rows)


def _settings(results: Results) -> Table:
    rows = [[name, text] for name, text in results.conditions.get("settings", {}).items()]
    return Table("How each was set up", ("server", "settings"), rows)


def conditions(results: Results) -> str:
    """Machine, versions, rounds and seconds in a few sentences."""
    known = results.conditions
    versions = ", ".join(f"{name} {version}" for name, version in known.get("versions", {}).items())
    fewer = ", with two workers half as many" if any(each.workers > 1 for each in results.singles) else ""
    shadow = known.get("shadow", {})
    disturbed = ", while the machine did other work too" if shadow.get("load_before", 0) > MOST_LOAD else ""
    guests = known.get("guests", {})
    others = ", while the machine did other work too" if guests.get("load_before", 0) > MOST_LOAD else ""
    return (
        f"{known.get('machine', 'Unknown machine')}; {known.get('system', 'unknown system')}. "
        f"Rounds a cell: {known.get('rounds', 0)} of {known.get('seconds', 0)} s{fewer}; "
        f"with and without a shadow {shadow.get('rounds', 0)} of {shadow.get('seconds', 0)} s{disturbed}; "
        f"versions on no track {guests.get('rounds', 0)} of {guests.get('seconds', 0)} s{others}. "
        f"{versions}.{BUSY if known.get('load_before', 0) > MOST_LOAD else ''}"
    )


def _left_out(results: Results) -> Table:
    return Table("Left out", ("what", "reason"), [[each.what, each.reason] for each in results.left_out])
