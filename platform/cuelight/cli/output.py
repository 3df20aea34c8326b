"""How results are shown: tables and colour at a terminal, plain lines in a pipe or a file, JSON where it is wanted."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console
from rich.table import Table

_UNBOUNDED = 10_000  # characters: no line is broken for a screen that there is not

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def console() -> Console:
    """Standard output: a terminal with its width and colours (none by NO_COLOR), or plain."""
    screen = Console()
    return screen if screen.is_terminal else _Plain(width=_UNBOUNDED, color_system=None)


class _Plain(Console):
    """For programs such as grep: one line a row, columns by spaces, without frames and without blanks at the end."""

    def print(self, *objects: Any, **options: Any) -> None:
        for each in objects:
            if isinstance(each, Table):
                each.box, each.pad_edge, each.title_justify = None, False, "left"
        with self.capture() as captured:
            super().print(*objects, **options)
        click.echo("\n".join(line.rstrip() for line in captured.get().split("\n")), nl=False)
