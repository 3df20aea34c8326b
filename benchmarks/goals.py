"""The figures to reach, and whether a run reached them. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import ratios
from benchmarks.models import BOOSTING, FOREST, LINEAR, MIXED, NAMES
from benchmarks.ratios import CUELIGHT, FLASK_NOTHING, MLFLOW, UNRECORDED, Ratio, number
from benchmarks.records import Results
from benchmarks.wire import ARROW, BINARY, JSON

BARE, ROUND_TRIP = "bare predict", "parse, predict, dump"  # the two kinds of work in process
STEADY, KNOWN, NEW = "steady", "versions tried before", "new versions"
NOTHING, FEW, MANY = "nothing", "versions that stay in memory", "versions that load and leave"
A_SECOND = " a second"  # ends the name of a load of so many requests
ROWS = 10_000
_EXTRA_MS = 2.0


@dataclass(frozen=True)
class Outcome:
    """One line of the table; `reached` is None where it was not measured."""

    work: str
    against: str
    wanted: str
    found: str
    reached: bool | None


def outcomes(results: Results) -> Iterator[Outcome]:
    """All lines, one worker each."""
    for model, connections, against, least in _SINGLES:
        yield _single(results, model, connections, against, least)
    yield _tail(results)
    for model in (FOREST, BOOSTING):
        yield _rows_a_second(results, model)
    for protocol in (JSON, ARROW, BINARY):
        for model in NAMES:
            yield _batch(results, model, protocol)
    yield _journal(results)
    for kind in (KNOWN, NEW):
        yield _promotions(results, kind)
    for model in (LINEAR, FOREST):
        yield _shadow(results, model)
    yield _loading(results)
    yield _within(results)


_RIVAL = "best of MLServer, BentoML, LitServe"
_SINGLES = (
    (LINEAR, 8, MLFLOW, 12.0),
    (LINEAR, 64, MLFLOW, 12.0),
    (LINEAR, 1, MLFLOW, 6.0),
    (MIXED, 8, MLFLOW, 100.0),
    (MIXED, 8, _RIVAL, 12.0),
    (MIXED, 64, _RIVAL, 12.0),
    (LINEAR, 8, _RIVAL, 8.0),
    (LINEAR, 8, FLASK_NOTHING, 5.0),
    (FOREST, 1, MLFLOW, 25.0),
    (FOREST, 8, MLFLOW, 60.0),
    (FOREST, 64, _RIVAL, 5.0),
)


def _single(results: Results, model: str, connections: int, against: str, least: float) -> Outcome:
    found = ratios.cell(results, model, 1, connections)
    other = ratios.best(found) if against == _RIVAL else against
    ratio = ratios.ratio(ratios.rates(found.get(CUELIGHT, ())), ratios.rates(found.get(other, ())))
    named = f"{_RIVAL} ({other})" if against == _RIVAL and other else against
    return _least(f"{_work(model, connections)}, requests/s", named, least, ratio)


def _tail(results: Results) -> Outcome:
    found = ratios.cell(results, LINEAR, 1, 1)
    mine, theirs = ({each.round: each.p99_ms for each in found.get(name, ())} for name in (CUELIGHT, MLFLOW))
    return _most(f"{_work(LINEAR, 1)}, p99", MLFLOW, 0.5, ratios.ratio(mine, theirs))


def _rows_a_second(results: Results, model: str) -> Outcome:
    mine = ratios.rates(ratios.cell(results, model, 1, 64).get(CUELIGHT, ()))
    bare = {each.round: each.rows_per_second for each in results.bares if each.model == model}
    return _least(f"{_work(model, 64)}, rows/s", "bare `predict` on 64-row arrays", 0.7, ratios.ratio(mine, bare))


def _batch(results: Results, model: str, protocol: str) -> Outcome:
    kind, most = (ROUND_TRIP, 1.25) if protocol == JSON else (BARE, 1.15)
    mine = ratios.batch(results, model, CUELIGHT, protocol, ROWS)
    bare = ratios.batch(results, model, "", kind, ROWS)
    work, ratio = f"{model}, {ROWS:,} rows, {protocol}, time", ratios.ratio(mine, bare)
    if protocol == JSON or ratio is None:
        return _most(work, f"{kind}, in process", most, ratio)
    extra = statistics.median(mine.values()) - statistics.median(bare.values())
    reached = ratio.median <= most or extra <= _EXTRA_MS
    return Outcome(work, kind, f"≤ {most}, or + 2 ms", f"{ratio}, {extra:+.1f} ms", reached)


def _journal(results: Results) -> Outcome:
    """The cell in which the journal costs most, of all where both were measured with one worker."""
    costs: list[tuple[str, Ratio]] = []
    for model, connections in sorted({(e.model, e.connections) for e in results.singles if e.workers == 1}):
        found = ratios.cell(results, model, 1, connections)
        off, on = (ratios.rates(found.get(name, ())) for name in (UNRECORDED, CUELIGHT))
        if cost := ratios.ratio(off, on):
            costs.append((_work(model, connections), cost))
    for model, protocol, rows in sorted({(e.model, e.protocol, e.rows) for e in results.batches if e.server}):
        on, off = (ratios.batch(results, model, name, protocol, rows) for name in (CUELIGHT, UNRECORDED))
        if cost := ratios.ratio(on, off):
            costs.append((f"{model}, {rows:,} rows, {protocol}", cost))
    if not costs:
        return _most("everything, journal on, time", "journal off", 1.10, None)
    where, worst = max(costs, key=lambda each: each[1].median)
    within = sum(1 for _, each in costs if each.median <= 1.10)
    found_text = f"{within} of {len(costs)} within; worst {worst}: {where}"
    return Outcome("everything, journal on, time", "journal off", "≤ 1.1", found_text, within == len(costs))


def _promotions(results: Results, kind: str) -> Outcome:
    under, steady = (
        {each.round: each.p99_ms for each in results.switchings if each.kind == name} for name in (kind, STEADY)
    )
    return _most(f"p99 during promotions ({kind})", "steady p99", 1.5, ratios.ratio(under, steady))


def _shadow(results: Results, model: str) -> Outcome:
    found = [each for each in results.shadowings if each.model == model and each.load.endswith(A_SECOND)]
    on, off = ({each.round: each.p99_ms for each in found if bool(each.share) is there} for there in (True, False))
    load = found[0].load if found else "moderate load"
    return _most(f"{model}, single row, {load}, p99 with a shadow", "without", 1.25, ratios.ratio(on, off))


def _loading(results: Results) -> Outcome:
    """Against as many requests that load nothing: what asking costs is not what loading costs."""
    many, few = ({each.round: each.p99_ms for each in results.askings if each.kind == kind} for kind in (MANY, FEW))
    return _most(f"p99 of a version on a track beside {MANY}", f"beside {FEW}", 1.25, ratios.ratio(many, few))


def _within(results: Results) -> Outcome:
    budget = float(results.conditions.get("guests", {}).get("budget_mib", 0.0))
    grown = {place: each.grown_mib for place, each in enumerate(results.askings)}
    share = ratios.ratio(grown, dict.fromkeys(grown, budget))
    within = share.high <= 1.0 if share else None
    return Outcome("memory of versions on no track", "serving.cache_bytes", "≤ 1", str(share or "-"), within)


def _work(model: str, connections: int) -> str:
    return f"{model}, single row, {connections} connection{'s' if connections > 1 else ''}"


def _least(work: str, against: str, least: float, ratio: Ratio | None) -> Outcome:
    return Outcome(work, against, f"≥ {number(least)}", str(ratio or "-"), ratio.median >= least if ratio else None)


def _most(work: str, against: str, most: float, ratio: Ratio | None) -> Outcome:
    return Outcome(work, against, f"≤ {number(most)}", str(ratio or "-"), ratio.median <= most if ratio else None)
