"""What was found of drift reports as tables, for a terminal and for the page. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.drifts import aims, real
from benchmarks.drifts.changes import NONE
from benchmarks.drifts.conditions import cells
from benchmarks.drifts.records import Figures, Found
from benchmarks.drifts.rules.panel import CUELIGHT, RULES
from benchmarks.tables import Table

_STORIES = {story.name: story for story in real.STORIES}
_NAMED = 3  # cells of a run that was of some only


def tables(figures: Figures) -> Iterator[Table]:
    """All tables; those without rows are left out."""
    drawn = [each for each in figures.found if each.world not in _STORIES]
    found = [
        _aims(drawn),
        _quiet(drawn),
        *_changed(drawn),
        _real(figures.found),
        _missing(figures.found),
        _runs(figures),
    ]
    yield from (each for each in found if each.rows)


def conditions(figures: Figures) -> str:
    """Machine and seeds in a sentence."""
    machines = " and ".join(dict.fromkeys(f"{run.machine}; {run.system}" for run in figures.runs))
    seeds = ", ".join(dict.fromkeys(str(run.seed) for run in figures.runs))
    references = max((len(each.counted.windows) for each in figures.found), default=0)
    return f"{machines or 'Unknown machine'}; seed {seeds or '-'}; {references} references a cell."


def percent(share: float | None) -> str:
    """Without decimals where they say nothing."""
    if share is None:
        return "-"
    return f"{100 * share:.1f} %" if 0 < share < 0.0995 else f"{100 * share:.0f} %"


def _aims(found: Sequence[Found]) -> Table:
    reached = {True: "reached", False: "**not reached**", None: "not all measured yet"}
    rows = [[each.what, each.wanted, each.found, reached[each.reached]] for each in aims.outcomes(found)]
    return Table("Figures to reach", ("what", "wanted", "found", ""), rows)


def _quiet(found: Sequence[Found]) -> Table:
    """Windows without drift: one row a cell."""
    rows = []
    for each in found:
        if each.what == NONE:
            shares = [f"{percent(each.counted.share(rule))} ({percent(each.counted.worst(rule))})" for rule in RULES]
            rows.append([*_where(each), f"{each.rows:,}", f"{sum(each.counted.windows):,}", *shares])
    columns = ("table", "columns", "reference", "rows", "windows", *RULES)
    return Table("No drift: reports that alarm, mean (with the worst reference)", columns, rows)


def _changed(found: Sequence[Found]) -> Iterator[Table]:
    """One table for each kind of table and width, with the sizes of windows beside each other."""
    for where in dict.fromkeys(_where(each) for each in found if each.what != NONE):
        mine = [each for each in found if _where(each) == where]
        sizes = sorted({each.rows for each in mine})
        rows = []
        for what in sorted(dict.fromkeys(each.what for each in mine), key=lambda name: name != NONE):
            cells = [next((e for e in mine if (e.what, e.rows) == (what, size)), None) for size in sizes]
            rows.append([what, *(_beside(cells, rule) for rule in RULES)])
        world, columns, reference = where
        beside = " / ".join(f"{size:,}" for size in sizes)
        title = f"{world}, {columns} columns, reference of {reference} rows: percent that alarm, of {beside} rows"
        yield Table(title, ("what was done", *RULES), rows)


def _beside(cells: Sequence[Found | None], rule: str) -> str:
    shares = [None if cell is None else cell.counted.share(rule) for cell in cells]
    text = " / ".join("-" if share is None else f"{100 * share:.0f}" for share in shares)
    return f"**{text}**" if rule == CUELIGHT else text


def _real(found: Sequence[Found]) -> Table:
    rows = []
    for each in found:
        if each.world in _STORIES:
            windows = f"{sum(each.counted.windows):,} of {len(each.counted.windows)}"
            shares = [f"{percent(each.counted.share(rule))} ({percent(each.counted.worst(rule))})" for rule in RULES]
            rows.append([each.world, each.what, *_where(each)[1:], f"{each.rows:,}", windows, *shares])
    columns = ("table", "drift?", "columns", "reference", "rows", "windows, of references", *RULES)
    return Table("Real tables: reports that alarm, mean (with the worst reference)", columns, rows)


def _missing(found: Sequence[Found]) -> Table:
    """What a whole run would have measured."""
    known = {each.key for each in found}
    rows = []
    for cell in cells():
        where = (cell.world.name, cell.columns, cell.rows, cell.reference)
        missing = [what for what in (NONE, *cell.changes) if (*where, what) not in known]
        rows += [[cell.key, ", ".join(missing)]] if missing else []
    names = {(each.world, each.rows) for each in found}
    rows += [
        [story.key(size), story.drifts]
        for story in real.STORIES
        for size in story.sizes
        if (story.name, size) not in names
    ]
    return Table("Not measured yet", ("cell", "windows"), rows)


def _runs(figures: Figures) -> Table:
    rows = [
        [_chosen(run.only), str(run.cells), run.rule, str(run.seed), f"{run.minutes:g}", f"{run.load_before:g}"]
        for run in figures.runs
    ]
    columns = ("cells", "how many", "Cuelight's thresholds", "seed", "minutes", "processes that wanted to run before")
    return Table("Runs", columns, rows)


def _where(found: Found) -> tuple[str, str, str]:
    return found.world, str(found.columns), f"{found.reference:,}"


def _chosen(only: str) -> str:
    """Which cells a run was of; of many texts the first few."""
    first, rest = only.split(", ")[:_NAMED], only.split(", ")[_NAMED:]
    return ", ".join(first) + (f" and {len(rest)} more" if rest else "")
