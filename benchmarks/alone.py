"""Commands that measure one thing alone: the journal, labels, drift jobs, batches, the gateway, overload."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import click

from benchmarks import (
    batches,
    drift_jobs,
    gateway_figures,
    gateways,
    journals,
    labels,
    machine,
    models,
    overload,
    pages,
    wrk,
)
from benchmarks.models import Model
from benchmarks.tables import Table


def _of_size(default: gateways.Size) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Options for rounds, and for the seconds of each."""
    rounds = click.option(
        "--rounds", type=click.IntRange(1), default=default.rounds, show_default=True, help="Of each load."
    )
    seconds = click.option(
        "--seconds", type=click.IntRange(1), default=default.seconds, show_default=True, help="Of a round."
    )
    return lambda command: rounds(seconds(command))


@click.command("journal")
@click.option("--quick", is_flag=True, help="Little of everything: does it work?")
def journal(quick: bool) -> None:
    """Measure only the journal: what it adds to a request, bytes, compaction, and windows of ten million rows."""
    wrk.check()
    size = journals.Size(rows=200_000, window=2000, requests=2000, rounds=1, seconds=1) if quick else journals.Size()

    def rows(folder: Path) -> Iterable[list[str]]:
        yield from journals.requests(models.make(models.LINEAR, folder / "model"), folder / "servers", size)
        yield from journals.compaction(folder / "compaction", size)
        yield from journals.windows(folder / "windows", size)

    _measured(rows, journals.table, f"{size}.")


@click.command("labels")
@click.option(
    "--rows", type=click.IntRange(1000), default=1_000_000, show_default=True, help="Rows, each with a label."
)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Of each kind.")
def label_join(rows: int, rounds: int) -> None:
    """Measure only how quickly labels are joined to what was predicted, and made figures of quality."""
    _measured(lambda folder: labels.measure(folder, rows, rounds), labels.table, f"Median of {rounds} rounds.")


@click.command("drift")
@click.option("--rows", type=click.IntRange(1000), multiple=True, default=drift_jobs.ROWS, show_default=True)
def drift(rows: tuple[int, ...]) -> None:
    """Measure only drift jobs: seconds and the peak of memory, whole and by part, for windows of so many rows."""
    _measured(lambda folder: drift_jobs.measure(folder, rows), drift_jobs.table)


@click.command("batch")
@click.option("--rows", type=click.IntRange(1000), default=batches.Size.rows, show_default=True, help="In all.")
@click.option("--rounds", type=click.IntRange(1), default=batches.Size.rounds, show_default=True, help="Of each way.")
def batch(rows: int, rounds: int) -> None:
    """Measure only batches, alone and by Dask workers, beside a plain loop and MLflow; puts them onto their page."""
    size = batches.Size(rows, rounds)
    figures = _measured(
        lambda folder: batches.measure(folder, size), batches.table, f"{rows:,} rows; rounds: {rounds}."
    )
    gateway_figures.keep("batches", figures, batches.PUBLISHED, batches.PAGE)


@click.command("gateway")
@_of_size(gateways.Size())
def through_the_gateway(rounds: int, seconds: int) -> None:
    """Measure only what the gateway costs beside the server asked directly; its page shows the last whole run."""
    figures = _loaded(gateways.cost, models.LINEAR, gateways.Size(rounds, seconds), gateways.table)
    if gateways.Size(rounds, seconds) == gateways.Size():
        gateway_figures.keep("cost", figures)


@click.command("overload")
@_of_size(overload.SIZE)
def overloaded(rounds: int, seconds: int) -> None:
    """Measure only what comes of more requests than can be answered; the gateway's page shows the last whole run."""
    figures = _loaded(overload.measure, models.NEIGHBOURS, gateways.Size(rounds, seconds), overload.table)
    if gateways.Size(rounds, seconds) == overload.SIZE:
        gateway_figures.keep("overload", figures)


def _measured(
    rows: Callable[[Path], Iterable[list[str]]], table: Callable[[list[list[str]]], Table], note: str = ""
) -> gateway_figures.Figures:
    """Print rows as they are found, in a folder of their own, and then the table of them; and return that."""
    tell, found, conditions = pages.teller(), list[list[str]](), machine.line()
    with tempfile.TemporaryDirectory(prefix="cuelight-bench-") as name:
        for row in rows(Path(name)):
            tell(", ".join(row))
            found.append(row)
    figures = gateway_figures.Figures(table(found), f"{conditions} {note}".strip())
    pages.show([figures.table], figures.conditions)
    return figures


def _loaded(
    measure: Callable[[Model, Path, gateways.Size], Iterable[list[str]]],
    model: str,
    size: gateways.Size,
    table: Callable[[list[list[str]]], Table],
) -> gateway_figures.Figures:
    """The same, of servers of a model that are asked by wrk."""
    wrk.check()
    return _measured(lambda folder: measure(models.make(model, folder), folder / "servers", size), table, f"{size}.")


ALONE = (journal, label_join, drift, batch, through_the_gateway, overloaded)
