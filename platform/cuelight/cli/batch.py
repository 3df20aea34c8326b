"""`cuelight batch`: tables scored by a version, into a folder of Parquet files."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cuelight.cli import batch_worker, completion, compose, output

if TYPE_CHECKING:
    from cuelight.kit.settings import Settings
    from cuelight.serving.batches.batch import Summary
    from cuelight.serving.batches.supply import Asked


@click.command()
@click.argument("name", shell_complete=completion.models)
@click.option("--input", "source", required=True, help="Tables: a path or URL ending in .parquet or .csv; may have *.")
@click.option("--output", "target", required=True, help="Folder for the answers: a path or URL.")
@click.option("--track", type=click.Choice(["Production", "Staging"]), default="Production", show_default=True)
@click.option("--version", type=click.IntRange(min=1), help="This version, whatever track it is on.")
@click.option("--alias", help="The version that this alias points at.")
@click.option("--keep", multiple=True, metavar="COLUMN", help="Write this input column beside the answers; *: all.")
@click.option(
    "--max-errors", type=click.IntRange(min=0), default=0, show_default=True, help="Rows that may have no answer."
)
@output.json_option
def command(
    name: str,
    source: str,
    target: str,
    track: str,
    version: int | None,
    alias: str | None,
    keep: tuple[str, ...],
    max_errors: int,
    as_json: bool,
) -> None:
    """Score tables by model NAME, part by part. Cut short, the same command goes on where it was.

    Example: cuelight batch churn --input 'rows-*.csv' --output scored
    """
    from cuelight.registry.model import Track
    from cuelight.serving.batches.supply import Asked

    if version is not None and alias is not None:
        raise click.UsageError("--version and --alias name a version each: give one of them.")
    settings = compose.settings()
    asked = Asked(name, Track(track), version, alias)
    summary = _run(settings, asked, source, target, (keep, max_errors))
    if as_json:
        click.echo(json.dumps(asdict(summary)))
    else:
        _show(summary)
    _note(settings, summary, source)


def _run(settings: Settings, asked: Asked, source: str, target: str, limits: tuple[tuple[str, ...], int]) -> Summary:
    from cuelight.kit.place import Place
    from cuelight.serving.batches import batch
    from cuelight.serving.batches.engine import engine
    from cuelight.serving.batches.inputs import check_kept, survey
    from cuelight.serving.batches.plan import Order, Plan

    keep, max_errors = limits
    source, target = (each if "://" in each else str(Path(each).absolute()) for each in (source, target))
    chosen = engine(settings.dask_scheduler)  # a wrong address is told before all tables were read through
    with output.busy(f"Loading {asked.model}"):
        supply = batch_worker.supply(settings)
        version = supply.find(asked)
        loaded = supply.load(version)
    with output.busy(f"Looking through {source}"):
        tables = survey(Place.of(source), loaded.signature, Place.of(target))
        check_kept(tables, keep)
    order = Order(asked.model, version.version, loaded.digest, source, target, keep, max_errors)
    there = partial(batch_worker.score, order, batch_worker.software())
    score = there if settings.dask_scheduler else batch_worker.scorer(loaded, order)
    with output.progress(f"Scoring by {version.id}") as tell:
        return batch.run(Plan(order, tuple(tables)), chosen, score, tell)


def _note(settings: Settings, summary: Summary, source: str) -> None:
    """The batch's one line in the history."""
    from cuelight.operations.kinds import Kind

    told = ("output", "rows", "errors", "scored", "seconds", "engine")
    detail = {"input": source} | {name: getattr(summary, name) for name in told}
    compose.operations(settings).record(Kind.BATCH, summary.model, summary.version, detail, at=time.time())


def _show(summary: Summary) -> None:
    for path in summary.changed:
        click.echo(f"{path} had changed since the batch began: its rows were scored anew.")
    rest = summary.rows - summary.scored
    known = f" ({rest:,} of them were there already)" if rest else ""
    failed = f" {summary.errors:,} have no answer: {summary.output}/_errors says why." if summary.errors else ""
    click.echo(
        f"{summary.rows:,} rows{known} by {summary.model} version {summary.version}, "
        f"in {summary.parts:,} files at {summary.output}.{failed}"
    )
    if summary.scored:
        pace = summary.scored / max(summary.seconds, 1e-9)
        click.echo(f"{summary.scored:,} rows in {summary.seconds:.1f} s ({pace:,.0f} a second) by {summary.engine}.")
