"""`python -m benchmarks.loops`: what the loop gains where data drifts, and how often it retrains where nothing does."""

from __future__ import annotations

import os

from benchmarks.processes import QUIET

os.environ.update(QUIET)  # before NumPy is imported: each process has one thread

import shutil
import time
from pathlib import Path

import click

from benchmarks import environments, machine, pages
from benchmarks.commands import Told
from benchmarks.loops import picture, simulation, tables
from benchmarks.loops.records import Figures

LAST, PUBLISHED = environments.ROOT / ".cuelight" / "bench" / "loops.json", Path(__file__).parent / "results.json"
PAGE = environments.ROOT / "docs" / "loop-figures.md"
PICTURE = environments.ROOT / "docs" / "pictures" / "loops.svg"
TOLD = Told(Figures.read, tables.tables, tables.conditions)


@click.group(invoke_without_command=True)
@click.option("--quick", is_flag=True, help="One stream of each kind: does everything work?")
@click.pass_context
def main(context: click.Context, quick: bool) -> None:
    """Play all streams, print what was found, and keep it as JSON, after each."""
    if context.invoked_subcommand:
        return
    figures = _measure(1 if quick else None)
    TOLD.show(figures)
    pages.console().print(f"All figures: {LAST.relative_to(environments.ROOT)}")
    if not quick:
        shutil.copyfile(LAST, PUBLISHED)


def _draw(figures: Figures) -> str:
    picture.draw(figures, PICTURE)
    return f"![The primary metric over time with the loop and without](pictures/{PICTURE.name})"


TOLD.add_to(main, LAST, PUBLISHED, PAGE, _draw)


def _measure(seeds: int | None) -> Figures:
    began, tell = time.monotonic(), pages.teller()
    figures = Figures(machine.describe())
    for loop in simulation.loops(seeds):
        tell(f"{loop.case}, {loop.seed}: {loop.retrainings} retrainings, gain {loop.gain:.3g} ({loop.low:.3g} or more)")
        figures.loops.append(loop)
        figures.conditions["minutes"] = round((time.monotonic() - began) / 60, 1)
        figures.write(LAST)
    return figures


if __name__ == "__main__":
    main()
