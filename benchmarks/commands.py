"""The commands that programs of figures have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import click

from benchmarks import pages
from benchmarks.tables import Table

F = TypeVar("F")


@dataclass(frozen=True)
class Told(Generic[F]):
    """How figures are read from a file, and told: as tables, and with the conditions that they were found under."""

    read: Callable[[Path], F]
    tables: Callable[[F], Iterable[Table]]
    conditions: Callable[[F], str]

    def show(self, figures: F) -> None:
        """Print them."""
        pages.show(self.tables(figures), self.conditions(figures))

    def add_to(self, main: click.Group, last: Path, published: Path, page: Path, draw: Callable[[F], str]) -> None:
        """`show` prints a file's figures, those in `last` if none is named; `picture` writes `published` into `page`.

        `draw` makes the picture; what it answers stands before the tables.
        """

        @main.command("show", help="Print the tables of a run, the last one's if none is named.")
        @click.argument("file", type=click.Path(exists=True, path_type=Path), default=last)
        def show(file: Path) -> None:
            self.show(self.read(file))

        @main.command("picture", help="Draw the picture for the docs, and write the tables into their page.")
        @click.argument("file", type=click.Path(exists=True, path_type=Path), default=published)
        def picture(file: Path) -> None:
            figures = self.read(file)
            pages.write(self.tables(figures), f"{draw(figures)}\n\n{self.conditions(figures)}", page)
