"""`python -m benchmarks.drifts`: how often drift reports alarm, without drift and with it, beside other rules."""

from __future__ import annotations

import os

from benchmarks.processes import QUIET

os.environ.update(QUIET)  # before NumPy is imported: each process has one thread

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import click

from benchmarks import environments, machine, pages
from benchmarks.commands import Told
from benchmarks.drifts import conditions, picture, real, simulation, tables
from benchmarks.drifts.changes import DRIFT, NONE
from benchmarks.drifts.conditions import QUICK, Plan
from benchmarks.drifts.records import Figures, Found, Run
from benchmarks.drifts.rules.panel import CUELIGHT, EVIDENTLY
from cuelight.kit.settings import Settings

LAST, PUBLISHED = environments.ROOT / ".cuelight" / "bench" / "drifts.json", Path(__file__).parent / "results.json"
PAGE = environments.ROOT / "docs" / "drift-figures.md"
PICTURE = environments.ROOT / "docs" / "pictures" / "drifts.svg"
TOLD = Told(Figures.read, tables.tables, tables.conditions)


@click.group(invoke_without_command=True)
@click.option("--quick", is_flag=True, help="Few windows: does everything work?")
@click.option("--only", multiple=True, help="Only cells with this in their name, such as `mixed/20 columns`; again.")
@click.pass_context
def main(context: click.Context, quick: bool, only: tuple[str, ...]) -> None:
    """Draw all windows, print what was found, and keep it as JSON, after each cell.

    A whole run's cells take the place of the same ones in `results.json`, from which the page is written.
    """
    if context.invoked_subcommand:
        return
    if quick:
        figures = _measure(Figures(), LAST, QUICK, only)
    else:
        figures = _measure(Figures.read(PUBLISHED) if PUBLISHED.is_file() else Figures(), PUBLISHED, Plan(), only)
    TOLD.show(figures)


def _draw(figures: Figures) -> str:
    try:
        picture.draw(figures, PICTURE)
    except ValueError as error:  # too little of it was measured for a picture
        return str(error)
    return f"![False alarms, and shifts found, by rule](pictures/{PICTURE.name})"


TOLD.add_to(main, PUBLISHED, PUBLISHED, PAGE, _draw)


def _measure(figures: Figures, path: Path, plan: Plan, only: Sequence[str]) -> Figures:
    began, tell, here = time.monotonic(), pages.teller(), machine.describe()
    chosen = Settings()
    rule = f"q {chosen.monitoring_q:g}, z {chosen.monitoring_z:g}"
    said = str(here["machine"]), str(here["system"]), float(str(here["load_before"])), rule
    for count, (key, play) in enumerate(_todo(plan, only), 1):
        found = play()
        minutes = round((time.monotonic() - began) / 60, 1)
        figures.put(found)
        figures.add(Run(", ".join(only) or "all", count, simulation.SEED, minutes, *said))
        figures.write(path)
        tell(f"{key}: {', '.join(_said(each) for each in found)}")
    return figures


def _todo(plan: Plan, only: Sequence[str]) -> Iterator[tuple[str, Callable[[], list[Found]]]]:
    """The most important first: what alarms in vain, then what is found, then real tables."""
    for drift in (False, True):
        for cell in conditions.cells():
            key = f"{cell.key}/{DRIFT if drift else NONE}"
            if _wanted(key, only):
                yield key, partial(simulation.play, cell, plan, drift)
    for story in real.STORIES:
        for rows in story.sizes:
            if _wanted(story.key(rows), only):
                yield story.key(rows), partial(real.play, story, rows, plan)


def _wanted(key: str, only: Sequence[str]) -> bool:
    return not only or any(text in key for text in only)


def _said(found: Found) -> str:
    ours, theirs = (found.counted.share(rule) for rule in (CUELIGHT, EVIDENTLY))
    return f"{found.what} {'-' if ours is None else f'{ours:.0%}'} ({theirs:.0%})"


if __name__ == "__main__":
    main()
