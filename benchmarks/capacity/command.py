"""`python -m benchmarks capacity`, which measures, and `estimate`, which only computes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from benchmarks import machine, pages, wrk
from benchmarks.capacity import page
from benchmarks.capacity.assumptions import Assumptions
from benchmarks.capacity.estimates import RATES, at_scale
from benchmarks.capacity.figures import LAST, PUBLISHED, Figures
from benchmarks.capacity.measure import measure
from benchmarks.capacity.measured import measured
from benchmarks.capacity.size import QUICK, Size


@click.command("capacity")
@click.option("--quick", is_flag=True, help="Little of everything: does it work?")
def capacity(quick: bool) -> None:
    """Measure what cores, hosts and MLflow bear, work out what rates need, and put both onto the capacity page."""
    wrk.check()
    size, began = QUICK if quick else Size(), time.monotonic()
    figures = Figures({**machine.describe(), "size": str(size), "minutes": 0.0})
    with tempfile.TemporaryDirectory(prefix="cuelight-capacity-") as name:
        try:
            measure(Path(name), size, figures, pages.teller())
        finally:
            figures.write(LAST)  # also of a run that came to nothing
    figures.conditions["minutes"] = round((time.monotonic() - began) / 60, 1)
    pages.show([*measured(figures), *at_scale(figures, Assumptions())], page.conditions(figures))
    if not quick:
        figures.write(PUBLISHED)
        page.write(Figures.read(PUBLISHED))  # which has fewer digits


def _assuming(command: Callable[..., None]) -> Callable[..., None]:
    """An option for each assumption."""
    for each in reversed(fields(Assumptions)):
        name, text = f"--{each.name.replace('_', '-')}", f"{each.metadata['unit']}: {each.metadata['text']}"
        command = click.option(name, type=float, default=each.default, show_default=True, help=text)(command)
    return command


@click.command("estimate")
@click.option("--rate", type=click.FloatRange(1), multiple=True, default=RATES, show_default=True)
@_assuming
def estimate(rate: tuple[float, ...], **given: Any) -> None:
    """Work out, from the figures on the capacity page, what other rates need, or others' hosts and prices."""
    figures = Figures.read(PUBLISHED)
    pages.show(at_scale(figures, Assumptions(**given), rate), page.conditions(figures))
