"""What was found of loops as tables, for a terminal and for the page. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from scipy.stats import beta

from benchmarks.loops.records import Figures, Loop
from benchmarks.tables import Table


def tables(figures: Figures) -> Iterator[Table]:
    """Where data drifts, and where it does not."""
    yield from (each for each in (_drifting(figures), _still(figures)) if each.rows)


def conditions(figures: Figures) -> str:
    """Machine and time in a sentence."""
    known = figures.conditions
    return (
        f"{known.get('machine', 'Unknown machine')}; {known.get('system', 'unknown system')}; "
        f"{known.get('minutes', '-')} minutes in all."
    )


def by_case(loops: Sequence[Loop]) -> dict[str, list[Loop]]:
    """The streams of each case."""
    found: dict[str, list[Loop]] = {}
    for each in loops:
        found.setdefault(each.case, []).append(each)
    return found


def _drifting(figures: Figures) -> Table:
    rows = []
    for name, mine in by_case([each for each in figures.loops if each.drifts]).items():
        one = mine[0]
        figure = f"{_middle(mine, 'loop'):.4g} / {_middle(mine, 'frozen'):.4g}"
        least = min(mine, key=lambda each: each.low)
        better = sum(each.low > 0 for each in mine)
        counts = [_sum(mine, field) for field in ("windows", "alarms", "retrainings", "promoted")]
        gain = f"{100 * _middle(mine, 'share'):.1f} %"
        interval = f"{least.gain:.3g} ({least.low:.3g} to {least.high:.3g})"
        rows.append([name, one.order, str(len(mine)), *counts, f"{one.metric} {figure}", gain, interval, str(better)])
    columns = (
        *("stream", "order of its rows", "streams", "windows", "alarms", "retrainings", "promoted"),
        *("with the loop / without (median)", "loss saved (median)", "least gain a row (95 %)", "loop is better"),
    )
    return Table("Where data drifts, or may", columns, rows)


def _still(figures: Figures) -> Table:
    rows = []
    for name, mine in by_case([each for each in figures.loops if not each.drifts]).items():
        windows = sum(each.windows for each in mine)
        alarms, retrainings = (sum(getattr(each, field) for each in mine) for field in ("alarms", "retrainings"))
        cells = [str(len(mine)), f"{windows:,}", str(alarms), _share(alarms, windows)]
        rows.append([name, mine[0].order, *cells, str(retrainings), _share(retrainings, windows)])
    columns = (
        *("stream", "order of its rows", "streams", "windows", "false alarms", "share (95 %)"),
        *("false retrainings", "share (95 %)"),
    )
    return Table("Where nothing drifts", columns, rows)


def _share(count: int, of: int) -> str:
    """A share with its exact interval (C. J. Clopper, E. S. Pearson, 1934)."""
    low = beta.ppf(0.025, count, of - count + 1) if count else 0.0
    high = beta.ppf(0.975, count + 1, of - count) if count < of else 1.0
    return f"{100 * count / of:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def _middle(mine: Sequence[Loop], field: str) -> float:
    return float(statistics.median(getattr(each, field) for each in mine))


def _sum(mine: Sequence[Loop], field: str) -> str:
    return f"{sum(getattr(each, field) for each in mine):,}"
