"""How results are shown: tables and colour at a terminal, plain lines in a pipe or a file, JSON where it is wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

T = TypeVar("T")
_UNBOUNDED = 10_000  # characters: no line is broken for a screen that there is not

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def console() -> Console:
    """Standard output: a terminal with its width and colours (none by NO_COLOR), or plain."""
    screen = Console()
    return screen if screen.is_terminal else _Plain(width=_UNBOUNDED, color_system=None)


@contextmanager
def busy(text: str) -> Iterator[None]:
    """While something lasts, say on standard error what; nothing is said where that is no terminal."""
    screen = Console(stderr=True)
    if screen.is_terminal:
        with screen.status(escape(f"{text} ...")):
            yield
    else:
        yield


def steps(each: Sequence[T], text: str) -> Iterable[T]:
    """The same, with a bar on standard error that says how far it is, if that is a terminal."""
    screen = Console(stderr=True)
    return track(each, f"{escape(text)} ...", console=screen, transient=True, disable=not screen.is_terminal)


class _Plain(Console):
    """For programs such as grep: one line a row, columns by spaces, without frames and without blanks at the end."""

    def print(self, *objects: Any, **options: Any) -> None:
        for each in objects:
            if isinstance(each, Table):
                each.box, each.pad_edge, each.title_justify = None, False, "left"
        with self.capture() as captured:
            super().print(*objects, **options)
        click.echo("\n".join(line.rstrip() for line in captured.get().split("\n")), nl=False)
