"""`make bench`: Cuelight beside other servers, on the same models, in alternating rounds."""

from __future__ import annotations

import contextlib
import os

from benchmarks.processes import PYTHON, QUIET

os.environ.update(QUIET)  # before NumPy is imported: what is timed in process has one thread too

import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from benchmarks import (
    environments,
    guests,
    machine,
    models,
    pages,
    picture,
    promotions,
    rounds,
    shadows,
    tables,
    wrk,
)
from benchmarks.alone import ALONE
from benchmarks.capacity.command import capacity, estimate
from benchmarks.peers.catalog import PEERS
from benchmarks.plan import QUICK, Plan
from benchmarks.records import Results
from benchmarks.run import Run

FOLDER = environments.ROOT / ".cuelight" / "bench"
LAST, PUBLISHED = FOLDER / "results.json", Path(__file__).parent / "results.json"
PICTURE = environments.ROOT / "docs" / "pictures" / "benchmarks.svg"
PAGE = environments.ROOT / "docs" / "benchmarks.md"
_PACKAGES = ("scikit-learn", "numpy", "pandas", "mlflow", "flask", "gunicorn", "mlserver", "bentoml", "litserve")


@click.group(invoke_without_command=True)
@click.option("--quick", is_flag=True, help="Few cells, one round each: does everything work?")
@click.option("--models", "names", help=f"Which of {', '.join(models.NAMES)}; comma-separated.")
@click.option("--peers", help="Parts of the servers' names, comma-separated; Cuelight is always there.")
@click.option("--workers", help="Numbers of workers, comma-separated.")
@click.option("--connections", help="Numbers of connections, comma-separated.")
@click.option("--rounds", "count", type=click.IntRange(1), help="Rounds of each cell with one worker.")
@click.option("--seconds", type=click.IntRange(1), help="Seconds of load a round.")
@click.pass_context
def main(
    context: click.Context,
    quick: bool,
    names: str | None,
    peers: str | None,
    workers: str | None,
    connections: str | None,
    count: int | None,
    seconds: int | None,
) -> None:
    """Measure, print the ratios with their spread, and keep all figures as JSON, after each cell."""
    if context.invoked_subcommand:
        return
    wrk.check()
    given: dict[str, Any] = {
        "models": names and tuple(names.split(",")),
        "peers": peers and tuple(peers.split(",")),
        "workers": workers and tuple(map(int, workers.split(","))),
        "connections": connections and tuple(map(int, connections.split(","))),
        "rounds": count,
        "seconds": seconds,
    }
    plan = replace(QUICK if quick else Plan(), **{name: value for name, value in given.items() if value})
    if unknown := set(plan.models) - set(models.NAMES):
        raise click.UsageError(f"There is no model {', '.join(sorted(unknown))}: {', '.join(models.NAMES)}.")
    results = _measure(plan)
    pages.show(tables.tables(results), tables.conditions(results))
    pages.console().print(f"All figures: {LAST.relative_to(environments.ROOT)}")
    if plan == Plan():
        shutil.copyfile(LAST, PUBLISHED)
    if different := [each.what for each in results.left_out if each.reason == rounds.DIFFERENT]:
        raise SystemExit(f"These predict otherwise than the estimator itself: {', '.join(different)}.")


@main.command("shadow")
@click.option("--rounds", type=click.IntRange(1), default=Plan.shadow_rounds, show_default=True, help="Of each cell.")
@click.option("--seconds", type=click.IntRange(1), default=Plan.shadow_seconds, show_default=True, help="Of a round.")
def shadow(rounds: int, seconds: int) -> None:
    """Measure only what a shadow costs, and keep it with the other figures of the last whole run."""
    wrk.check()
    plan = Plan(shadow_rounds=rounds, shadow_seconds=seconds)
    results, tell = Results.read(PUBLISHED), pages.teller()
    results.shadowings.clear()
    results.conditions |= _shadow_conditions(plan)
    conditions = {**machine.describe(), **_shadow_conditions(plan)}
    with tempfile.TemporaryDirectory(prefix="cuelight-bench-") as name:
        for each in dict.fromkeys(case.model for case in shadows.CASES):
            for _ in shadows.measure(Run(plan, results, tell), models.make(each, Path(name)), Path(name) / "shadows"):
                results.write(LAST)
    found = Results(conditions, shadowings=results.shadowings)
    pages.show(tables.tables(found), tables.conditions(found))
    if plan == Plan():
        shutil.copyfile(LAST, PUBLISHED)


@main.command("guests")
@click.option("--rounds", type=click.IntRange(1), default=Plan.guest_rounds, show_default=True, help="Of each kind.")
@click.option("--seconds", type=click.IntRange(1), default=Plan.guest_seconds, show_default=True, help="Of a round.")
def on_demand(rounds: int, seconds: int) -> None:
    """Measure only versions on no track, and keep that with the other figures of the last whole run."""
    plan = Plan(guest_rounds=rounds, guest_seconds=seconds)
    results, tell = Results.read(PUBLISHED), pages.teller()
    results.askings.clear()
    known = machine.describe()
    with tempfile.TemporaryDirectory(prefix="cuelight-bench-") as name:
        for _ in guests.measure(Run(plan, results, tell), models.make(models.LINEAR, Path(name)), Path(name)):
            results.write(LAST)
    results.conditions["guests"]["load_before"] = known["load_before"]
    found = Results({**known, "guests": results.conditions["guests"]}, askings=results.askings)
    pages.show(tables.tables(found), tables.conditions(found))
    if plan == Plan():
        results.write(PUBLISHED)


for command in (*ALONE, capacity, estimate):
    main.add_command(command)


@main.command("show")
@click.argument("file", type=click.Path(exists=True, path_type=Path), default=LAST)
def show(file: Path) -> None:
    """Print the tables of a run, the last one's if none is named."""
    results = Results.read(file)
    pages.show(tables.tables(results), tables.conditions(results))


@main.command("picture")
@click.argument("file", type=click.Path(exists=True, path_type=Path), default=PUBLISHED)
def draw(file: Path) -> None:
    """Draw the picture for the docs, and write the tables into their page, from a whole run's results."""
    results = Results.read(file)
    picture.draw(results, PICTURE)
    pages.write(tables.tables(results, brief=True), tables.conditions(results), PAGE)


def _measure(plan: Plan) -> Results:
    began, tell = time.monotonic(), pages.teller()
    results = Results(_conditions(plan, tell) | _shadow_conditions(plan))
    run = Run(plan, results, tell)
    with tempfile.TemporaryDirectory(prefix="cuelight-bench-") as name:
        folder = Path(name)
        for each in plan.models:
            model = models.make(each, folder)
            for _ in rounds.measure(run, model, folder):
                results.write(LAST)
            if each == models.LINEAR:
                for _ in promotions.measure(run, model, folder / "promotions"):
                    results.write(LAST)
                for _ in guests.measure(run, model, folder / "guests"):
                    results.write(LAST)
            for _ in shadows.measure(run, model, folder / "shadows"):
                results.write(LAST)
    results.conditions["minutes"] = round((time.monotonic() - began) / 60, 1)
    results.write(LAST)
    return results


def _shadow_conditions(plan: Plan) -> dict[str, object]:
    load = round(os.getloadavg()[0], 2)
    return {"shadow": {"rounds": plan.shadow_rounds, "seconds": plan.shadow_seconds, "load_before": load}}


def _conditions(plan: Plan, tell: Callable[[str], None]) -> dict[str, object]:
    """The machine in words that name nobody, versions, settings; loads the environments that are needed."""
    known, versions = machine.describe(), {"python": platform.python_version()}
    for name in dict.fromkeys(kind.requirements for kind in PEERS if plan.takes(kind.name)):
        tell(f"environment of {name or 'Cuelight'} (the first time this takes minutes)")
        with contextlib.suppress(environments.Missing):  # each cell says so
            interpreter = environments.python(name) if name else Path(PYTHON)
            versions |= environments.versions(interpreter, *_PACKAGES)
    return {
        **known,
        "machine": f"{known['machine']}, which the load generator shares",
        "versions": versions,
        "settings": {kind.name: kind.settings for kind in PEERS if plan.takes(kind.name)},
        "rounds": plan.rounds,
        "seconds": plan.seconds,
    }


if __name__ == "__main__":
    main()
