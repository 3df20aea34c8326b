"""The capacity page: its tables, written from the figures between the page's marks."""

from __future__ import annotations

from pathlib import Path

from benchmarks import environments, pages
from benchmarks.capacity.assumptions import Assumptions
from benchmarks.capacity.estimates import assumed, at_scale
from benchmarks.capacity.figures import Figures
from benchmarks.capacity.measured import in_short, measured
from benchmarks.tables import BUSY, MOST_LOAD

PAGE = environments.ROOT / "docs" / "operating" / "capacity.md"


def write(figures: Figures, page: Path = PAGE) -> None:
    """Write all of them, by what is assumed unless said otherwise."""
    given = Assumptions()
    pages.write([in_short(figures)], "", page, "in short")
    pages.write([*at_scale(figures, given), assumed(given)], "", page, "at scale")
    pages.write(measured(figures), conditions(figures), page)


def conditions(figures: Figures) -> str:
    """Where and how it was measured."""
    known = figures.conditions
    busy = BUSY if known["load_before"] > MOST_LOAD else ""
    machine = f"{known['machine']}; {known['system']}; load before: {known['load_before']:.2f}."
    return f"{machine} {known['size']} All of it took {known['minutes']:.1f} minutes.{busy}"
