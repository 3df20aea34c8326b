"""`python -m benchmarks.rollbacks`: false rollbacks, and how soon true ones come, simulated and on real workers."""

from __future__ import annotations

import os

from benchmarks.processes import QUIET

os.environ.update(QUIET)  # before NumPy is imported: each process has one thread

import shutil
import tempfile
import time
from pathlib import Path

import click

from benchmarks import environments, machine, pages
from benchmarks.commands import Told
from benchmarks.rollbacks import conditions, picture, real, simulation, tables
from benchmarks.rollbacks.conditions import QUICK, Plan
from benchmarks.rollbacks.records import Figures

LAST, PUBLISHED = environments.ROOT / ".cuelight" / "bench" / "rollbacks.json", Path(__file__).parent / "results.json"
PAGE = environments.ROOT / "docs" / "rollback-figures.md"
PICTURE = environments.ROOT / "docs" / "pictures" / "rollbacks.svg"
TOLD = Told(Figures.read, tables.tables, tables.conditions)


@click.group(invoke_without_command=True)
@click.option("--quick", is_flag=True, help="Few bakes, and short ones: does everything work?")
@click.pass_context
def main(context: click.Context, quick: bool) -> None:
    """Play all bakes, print what was found, and keep it as JSON, after each cell."""
    if context.invoked_subcommand:
        return
    figures = _measure(QUICK if quick else Plan())
    TOLD.show(figures)
    pages.console().print(f"All figures: {LAST.relative_to(environments.ROOT)}")
    if not quick:
        shutil.copyfile(LAST, PUBLISHED)


def _draw(figures: Figures) -> str:
    picture.draw(figures, PICTURE)
    return f"![Answers by a failing version until it is rolled back](pictures/{PICTURE.name})"


TOLD.add_to(main, LAST, PUBLISHED, PAGE, _draw)


def _measure(plan: Plan) -> Figures:
    began, tell = time.monotonic(), pages.teller()
    figures = Figures({**machine.describe(), "seed": simulation.SEED})
    with tempfile.TemporaryDirectory(prefix="cuelight-rollbacks-") as folder:
        for rollback in real.measure(Path(folder), plan.real, tell):
            figures.real.append(rollback)
            figures.write(LAST)
    short = conditions.shortened if plan == QUICK else list
    for equal in simulation.equal(short(conditions.equal()), plan.equal):
        tell(f"no worse, {equal.where}: {equal.rolled_back} of {equal.bakes}")
        figures.equal.append(equal)
        figures.write(LAST)
    for worse in simulation.worse(short(conditions.worse()), plan.worse):
        tell(f"{worse.what}, {worse.where}, {worse.rate:g} requests a second: {worse.rolled_back} of {worse.bakes}")
        figures.worse.append(worse)
        figures.write(LAST)
    figures.conditions["minutes"] = round((time.monotonic() - began) / 60, 1)
    figures.write(LAST)
    return figures


if __name__ == "__main__":
    main()
