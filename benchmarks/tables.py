"""A run's results as tables, for a terminal and for the page. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks import goals, ratios
from benchmarks.ratios import MLFLOW, Ratio, number
from benchmarks.records import Results, Single

_REACHED = {True: "reached", False: "**not reached**", None: "not measured"}


@dataclass(frozen=True)
class Table:
    """A title, the columns' names, and the rows."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def tables(results: Results) -> Iterator[Table]:
    """All tables, the figures to reach first; those without rows are left out."""
    found = [_goals(results), *_singles(results), _batches(results), _promotions(results)]
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


def _beside(found: dict[str, list[Single]], name: str) -> Ratio | None:
    return ratios.ratio(ratios.rates(found[name]), ratios.rates(found.get(MLFLOW, ())))


def _server_row(name: str, rounds: Sequence[Single], ratio: Ratio | None) -> list[str]:
    middle = [
        statistics.median(getattr(each, field) for each in rounds) for field in ("rate", "p50_ms", "p99_ms", "cpu_us")
    ]
    return [name, *(number(each) for each in middle), str(ratio or "-"), str(sum(each.failed for each in rounds))]


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


def _servers(results: Results) -> Table:
    rows = [[e.model, str(e.workers), e.server, number(e.start_seconds), number(e.memory_mb)] for e in results.servers]
    return Table("Start and memory", ("model", "workers", "server", "start s", "memory MB (PSS)"), rows)


def _settings(results: Results) -> Table:
    rows = [[name, text] for name, text in results.conditions.get("settings", {}).items()]
    return Table("How each was set up", ("server", "settings"), rows)


def conditions(results: Results) -> str:
    """Machine, versions, rounds and seconds in a few sentences."""
    known = results.conditions
    versions = ", ".join(f"{name} {version}" for name, version in known.get("versions", {}).items())
    return (
        f"{known.get('machine', 'Unknown machine')}; {known.get('system', 'unknown system')}. "
        f"{known.get('rounds', 0)} rounds of {known.get('seconds', 0)} s a cell with one worker, half as many with "
        f"two. Load before the run: {known.get('load_before', '?')}. {versions}."
    )


def _left_out(results: Results) -> Table:
    return Table("Left out", ("what", "reason"), [[each.what, each.reason] for each in results.left_out])
