"""What a drift report should reach, and whether it does. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.drifts.changes import NONE, QUARTER
from benchmarks.drifts.conditions import CLUSTERED, MIXED, REFERENCE, SEASONAL, cells
from benchmarks.drifts.records import Found
from benchmarks.drifts.rules.panel import CUELIGHT, RULES

MOST = 0.05  # of driftless reports may alarm
_POWER = {500: 0.85, 2_000: 0.99}


@dataclass(frozen=True)
class Outcome:
    """One figure to reach, in words; `reached` is None as long as a cell is missing that may still miss it."""

    what: str
    wanted: str
    found: str
    reached: bool | None


def outcomes(found: Sequence[Found]) -> Iterator[Outcome]:
    """Those that something was found of."""
    by_chance = (CLUSTERED.name, SEASONAL.name)
    names = {each.world.name for each in cells()}
    yield from _quiet("no drift, rows on their own: the most of any cell", names - {*by_chance}, found)
    for name in by_chance:
        yield from _quiet(f"no drift, {name}: the most of any cell", {name}, found)
    for rows, wanted in _POWER.items():
        for each in found:
            if each.key == (MIXED.name, 20, rows, REFERENCE, QUARTER):
                share = each.counted.share(CUELIGHT) or 0.0
                yield Outcome(
                    f"{QUARTER}, 20 columns, {rows:,} rows", f"≥ {wanted:.0%}", f"{share:.1%}", share >= wanted
                )
    yield from _best(found)


def _quiet(what: str, worlds: set[str], found: Sequence[Found]) -> Iterator[Outcome]:
    mine = [each for each in found if each.what == NONE and each.world in worlds]
    if mine:
        every = sum(each.world.name in worlds for each in cells())
        most, cell = max(((each.counted.share(CUELIGHT) or 0.0, each) for each in mine), key=lambda each: each[0])
        text = f"{most:.1%} ({_named(cell)}), of {len(mine)} of {every} cells"
        yield Outcome(what, f"≤ {MOST:.0%}", text, _reached(most <= MOST, len(mine) == every))


def _best(found: Sequence[Found]) -> Iterator[Outcome]:
    """Against every rule that keeps the rate in the same cell: Cuelight finds as much, but for chance."""
    known = {each.key for each in found}
    mine = [each for each in found if each.what != NONE and (*each.key[:4], NONE) in known]
    gaps = [(gap, each) for each in mine for gap, error in [_gap(each, found)] if gap > 2 * error]
    if not mine:
        return
    every = sum(len(each.changes) for each in cells())
    text = f"in {len(mine) - len(gaps)} of {len(mine)} cells, of {every}"
    if gaps:
        gap, cell = max(gaps, key=lambda each: each[0])
        text += f"; furthest behind: {100 * gap:.0f} points ({cell.what}, {_named(cell)})"
    wanted = f"the most of all rules that keep {MOST:.0%} there, both within two standard errors"
    yield Outcome("what is found", wanted, text, _reached(not gaps, len(mine) == every))


def keeps(quiet: Found, rule: str) -> bool:
    """Whether a rule alarms on as few windows without drift as it should, but for chance."""
    windows = sum(quiet.counted.judged(rule))
    error = math.sqrt(MOST * (1 - MOST) / windows) if windows else 0.0
    return (quiet.counted.share(rule) or 0.0) <= MOST + 2 * error


def _reached(so_far: bool, whole: bool) -> bool | None:
    return so_far if whole or not so_far else None


def _named(cell: Found) -> str:
    return f"{cell.world}, {cell.columns} columns, {cell.rows:,} rows"


def _gap(cell: Found, found: Sequence[Found]) -> tuple[float, float]:
    """How much more the best of the other rules finds, of those that alarm rarely without drift; its standard error."""
    quiet = next(each for each in found if each.key == (*cell.key[:4], NONE))
    rivals = [rule for rule in RULES if rule != CUELIGHT and keeps(quiet, rule)]
    best = max((cell.counted.share(rule) or 0.0 for rule in rivals), default=0.0)
    ours = cell.counted.share(CUELIGHT) or 0.0
    windows = sum(cell.counted.windows)
    return best - ours, math.sqrt((best * (1 - best) + ours * (1 - ours)) / windows)
