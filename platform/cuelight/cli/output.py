"""How results are shown: tables and colour at a terminal, plain lines in a pipe or a file, JSON where it is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    track,
)
from rich.table import Table

T = TypeVar("T")
_UNBOUNDED = 10_000  # characters: no line is broken for a screen that there is not

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def console() -> Console:
    """Standard output: a terminal with its width and colours (none by NO_COLOR), or plain."""
    screen = Console()
    return screen if screen.is_terminal else _Plain(width=_UNBOUNDED, color_system=None)


def show(table: Table) -> None:
    """A table; where the terminal is too narrow for it, each cell in a line of its own, row after row."""
    screen = console()
    if table.title:
        screen.print(table.title, style="bold", highlight=False)
        table.title = None
    needed = Measurement.get(screen, screen.options.update(width=_UNBOUNDED), table).maximum
    screen.print(table if needed <= screen.width else _records(table), highlight=False)


def _records(table: Table) -> Table:
    found = Table(box=None, pad_edge=False, show_header=False)
    found.add_column(style="dim", no_wrap=True)
    found.add_column(overflow="fold")  # a link stays whole
    rows = list(zip(*(column.cells for column in table.columns), strict=True))
    for row in rows:
        for column, cell in zip(table.columns, row, strict=True):
            if str(cell):
                found.add_row(column.header, cell)
        if row is not rows[-1]:
            found.add_row()
    return found


@contextmanager
def busy(text: str) -> Iterator[None]:
    """While something lasts, say on standard error what, and for how long; nothing where that is no terminal."""
    screen = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        bar.add_task(f"{escape(text)} ...", total=None)
        yield


def steps(each: Iterable[T], text: str, count: int | None = None) -> Iterable[T]:
    """The same, with a bar on standard error that says how far it is, if that is a terminal.

    `count`: how many there are, of what does not say so by itself.
    """
    screen = Console(stderr=True)
    return track(each, f"{escape(text)} ...", count, console=screen, transient=True, disable=not screen.is_terminal)


def to_json(value: object) -> str:
    """JSON for programs: a figure that is not a number is null, since NaN is no JSON."""
    import orjson

    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY).decode()


@contextmanager
def progress(text: str) -> Iterator[Callable[[int, int], None]]:
    """The same for what says itself how far it is: of so many, so many."""
    screen = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task(f"{escape(text)} ...", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class _Plain(Console):
    """For programs such as grep: one line a row, columns by spaces, without frames and without blanks at the end."""

    def print(self, *objects: Any, **options: Any) -> None:
        for each in objects:
            if isinstance(each, Table):
                each.box, each.pad_edge, each.title_justify = None, False, "left"
        with self.capture() as captured:
            super().print(*objects, **options)
        click.echo("\n".join(line.rstrip() for line in captured.get().split("\n")), nl=False)
