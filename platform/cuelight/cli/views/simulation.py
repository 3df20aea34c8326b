"""A simulation for people: a table of windows and events, and what came of them."""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from cuelight.cli import output
from cuelight.kit.clock import utc

if TYPE_CHECKING:
    from cuelight.simulation.quality import Pair
    from cuelight.simulation.records import Judged, Retraining
    from cuelight.simulation.result import Result

_Line = tuple[float, tuple[str, ...], str]


def show(result: Result) -> None:
    """Print windows and events in the order of time, and the sum of it all."""
    console = output.console()
    console.print(
        Text(f"{result.model}: {result.rows:,} rows, {_at(result.start)} to {_at(result.end)}.", style="bold")
    )
    console.print(Text(f"Version 1: {result.first}\n"))
    metric = result.worth.metric
    table = Table(box=None, pad_edge=False)
    for heading in ("at (UTC)", "version", "rows", "labelled", f"{metric}, loop", "without"):
        table.add_column(heading, justify="left" if heading.startswith("at") else "right", no_wrap=True)
    table.add_column("what happened", overflow="fold")
    for at, cells, style in sorted(_lines(result), key=lambda line: line[0]):
        table.add_row(_at(at), *(Text(cell) for cell in cells), style=style)
    output.show(table)
    for sentence in _sums(result):
        console.print(Text(sentence))


def _lines(result: Result) -> Iterator[_Line]:
    for judged, found in result.windows:
        yield judged.at, _window(judged, found), "bold" if judged.alarm else ""
    for each in result.retrainings:
        yield from (line for line in _events(each) if line[0] <= result.end)


def _window(judged: Judged, found: Pair) -> tuple[str, ...]:
    said = f"{judged.verdict}: {judged.reason}"
    if judged.ask:
        said += f" Retraining is asked for: {judged.ask}."
    elif judged.why_not:
        said += f" {judged.why_not}"
    quality = (_number(found.loop), _number(found.frozen))
    return str(judged.version), f"{judged.rows:,}", f"{judged.labelled:,}", *quality, said


def _events(each: Retraining) -> Iterator[_Line]:
    named = f"retraining {each.outcome}" if each.version is None else f"version {each.version}: {each.outcome}"
    yield each.ended_at, ("", "", "", "", "", f"{named}. {each.sentence}"), "cyan"
    if each.promoted_at is not None:
        yield each.promoted_at, (str(each.version), "", "", "", "", f"version {each.version} takes over."), "green"


def _sums(result: Result) -> Iterator[str]:
    found, false = result.worth, "false " if result.driftless else ""
    yield (
        f"\n{_many(len(result.windows), 'drift job')}, {result.judged:,} with a verdict on drift: "
        f"{_many(result.alarms, false + 'alarm')}, {_many(result.asked, false + 'retraining')}, "
        f"{result.promoted:,} promoted."
    )
    yield f"{found.metric} on all rows: {_number(found.pair.loop)} with the loop, {_number(found.pair.frozen)} without."
    better = "The loop is better" if found.low > 0 else "The loop is worse" if found.high < 0 else "Neither is better"
    yield (
        f"{better}: {found.gain:.3g} less loss a row with it ({found.low:.3g} to {found.high:.3g} at 95 %), "
        f"{found.share:.1%} of what it is without."
    )


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _number(value: float) -> str:
    return "-" if isnan(value) else f"{value:,.4g}"


def _at(moment: float) -> str:
    return utc(moment)[:16]
