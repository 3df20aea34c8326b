"""What a drift report should reach, and whether it does. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.drifts.changes import NONE, QUARTER
from benchmarks.drifts.conditions import CLUSTERED, MIXED, REFERENCE, SEASONAL
from benchmarks.drifts.records import Found
from benchmarks.drifts.rules.panel import CUELIGHT, RULES

MOST = 0.05  # of driftless reports may alarm
_POWER = {500: 0.85, 2_000: 0.99}


@dataclass(frozen=True)
class Outcome:
    """One figure to reach, in words."""

    what: str
    wanted: str
    found: str
    reached: bool


def outcomes(found: Sequence[Found]) -> Iterator[Outcome]:
    """Those that something was found of."""
    told = [each for each in found if "not told" not in each.world]
    by_chance = (CLUSTERED.name, SEASONAL.name)
    independent = [each for each in told if each.world not in by_chance]
    yield from _quiet("no drift, rows on their own: the most of any cell", independent)
    for name in by_chance:
        yield from _quiet(f"no drift, {name}: the most of any cell", [each for each in told if each.world == name])
    for rows, wanted in _POWER.items():
        for each in found:
            if each.key == (MIXED.name, 20, rows, REFERENCE, QUARTER):
                share = each.counted.share(CUELIGHT) or 0.0
                yield Outcome(
                    f"{QUARTER}, 20 columns, {rows:,} rows", f"≥ {wanted:.0%}", f"{share:.1%}", share >= wanted
                )
    yield from _best(told)


def _quiet(what: str, found: Sequence[Found]) -> Iterator[Outcome]:
    shares = [(each.counted.share(CUELIGHT) or 0.0, each) for each in found if each.what == NONE]
    if shares:
        most, cell = max(shares, key=lambda each: each[0])
        where = f"{most:.1%} ({_named(cell)})"
        yield Outcome(what, f"≤ {MOST:.0%}", where, most <= MOST)


def _best(found: Sequence[Found]) -> Iterator[Outcome]:
    """Against every rule that keeps the rate in the same cell: Cuelight finds as much, but for chance."""
    known = {each.key for each in found}
    cells = [each for each in found if each.what != NONE and (*each.key[:4], NONE) in known]
    gaps = [(gap, each) for each in cells for gap, error in [_gap(each, found)] if gap > 2 * error]
    if not cells:
        return
    text = f"in {len(cells) - len(gaps)} of {len(cells)} cells"
    if gaps:
        gap, cell = max(gaps, key=lambda each: each[0])
        text += f"; furthest behind: {100 * gap:.0f} points ({cell.what}, {_named(cell)})"
    wanted = f"the most of all rules that keep {MOST:.0%} there, within two standard errors"
    yield Outcome("what is found", wanted, text, not gaps)


def _named(cell: Found) -> str:
    return f"{cell.world}, {cell.columns} columns, {cell.rows:,} rows"


def _gap(cell: Found, found: Sequence[Found]) -> tuple[float, float]:
    """How much more the best of the other rules finds, of those that alarm rarely without drift; its standard error."""
    quiet = next(each for each in found if each.key == (*cell.key[:4], NONE))
    rivals = [rule for rule in RULES if rule != CUELIGHT and (quiet.counted.share(rule) or 0.0) <= MOST]
    best = max((cell.counted.share(rule) or 0.0 for rule in rivals), default=0.0)
    ours = cell.counted.share(CUELIGHT) or 0.0
    windows = sum(cell.counted.windows)
    return best - ours, math.sqrt((best * (1 - best) + ours * (1 - ours)) / windows)
