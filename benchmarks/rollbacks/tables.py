"""What was found of rollbacks as tables, for a terminal and for the page. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence

from scipy.stats import beta

from benchmarks.ratios import number
from benchmarks.rollbacks.records import Equal, Figures, Spread, Worse
from benchmarks.tables import Table


def tables(figures: Figures) -> Iterator[Table]:
    """All tables; those without rows are left out."""
    found = [_equal(figures), *_worse(figures), _real(figures)]
    yield from (each for each in found if each.rows)


def conditions(figures: Figures) -> str:
    """Machine, seed and time in a sentence."""
    known = figures.conditions
    return (
        f"{known.get('machine', 'Unknown machine')}; {known.get('system', 'unknown system')}; "
        f"seed {known.get('seed', '-')}; {known.get('minutes', '-')} minutes in all."
    )


def _equal(figures: Figures) -> Table:
    rows = [[e.where, f"{e.rate:g}", f"{e.bakes:,}", str(e.rolled_back), _most(e)] for e in figures.equal]
    columns = ("traffic", "requests a second", "bakes", "rolled back", "at most (95 %)")
    return Table("A version that is no worse: how often it is rolled back", columns, rows)


def _most(found: Equal) -> str:
    """An upper bound of the share (C. J. Clopper, E. S. Pearson, 1934)."""
    bound = beta.ppf(0.95, found.rolled_back + 1, found.bakes - found.rolled_back)
    return f"{100 * bound:.2f} %"


def _worse(figures: Figures) -> Iterator[Table]:
    for where, limit in dict.fromkeys((each.where, each.limit) for each in figures.worse):
        mine = [each for each in figures.worse if each.where == where]
        beside = " / ".join(f"{rate:g}" for rate in sorted({each.rate for each in mine}))
        rows = [
            [what, *_row(sorted((each for each in mine if each.what == what), key=lambda each: each.rate))]
            for what in dict.fromkeys(each.what for each in mine)
        ]
        title = f"{where}, {beside} requests a second: median (90th percentile) until it is rolled back"
        columns = ("the new version", "its answers", "requests in all", "seconds", f"within {limit:,.0f} s")
        yield Table(title, columns, rows)


def _row(cells: Sequence[Worse]) -> Iterator[str]:
    yield " / ".join(_spread(each.candidate, _count) for each in cells)
    yield " / ".join(_spread(each.requests, _count) for each in cells)
    yield " / ".join(_spread(each.seconds, number) for each in cells)
    yield " / ".join(f"{100 * each.rolled_back / each.bakes:.0f} %" for each in cells)


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _spread(spread: Spread, shown: Callable[[float], str]) -> str:
    median, most = ("-" if each is None else shown(each) for each in spread)
    return f"{median} ({most})"


def _real(figures: Figures) -> Table:
    rows = []
    for where, rate, what in dict.fromkeys((each.where, each.rate, each.what) for each in figures.real):
        mine = [each for each in figures.real if (each.where, each.rate, each.what) == (where, rate, what)]
        same = [each for each in figures.worse if (each.where, each.rate, each.what) == (where, rate, what)]
        answers = [_range([each.candidate for each in mine], _count), *(_spread(e.candidate, _count) for e in same)]
        seconds = [_range([each.seconds for each in mine], number), *(_spread(e.seconds, number) for e in same)]
        rows.append([where, f"{rate:g}", what, str(len(mine)), *answers, *seconds])
    found = ("its answers", "simulated", "seconds", "simulated") if figures.worse else ("its answers", "seconds")
    columns = ("where", "requests a second", "the new version", "rollbacks", *found)
    return Table("On real workers: median (least to greatest) from its first answer to its last", columns, rows)


def _range(values: Sequence[float], shown: Callable[[float], str]) -> str:
    return f"{shown(statistics.median(values))} ({shown(min(values))} to {shown(max(values))})"
