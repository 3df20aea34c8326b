"""Tables on a terminal, and in the docs."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table as Shown

from benchmarks.tables import Table

FIGURES = "figures"


def console() -> Console:
    """As wide as the terminal; wide enough for the tables where there is none."""
    found = Console()
    return found if found.is_terminal else Console(width=150)


def teller() -> Callable[[str], None]:
    """Prints what is done now, with the seconds since it was made."""
    began = time.monotonic()
    return lambda what: console().print(f"[dim]{time.monotonic() - began:6.0f} s[/dim]  {what}")


def show(tables: Iterable[Table], conditions: str) -> None:
    """Print them."""
    for each in tables:
        table = Shown(*each.columns, title=each.title, title_justify="left")
        for row in each.rows:
            table.add_row(*(cell.replace("**", "") for cell in row))
        console().print(table)
    console().print(conditions.replace("**", ""))


def write(tables: Iterable[Table], conditions: str, page: Path, mark: str = FIGURES) -> None:
    """Put them into a page, between its marks `<!-- MARK -->` and `<!-- end of MARK -->`."""
    marks = re.compile(rf"(<!-- {mark} -->\n).*(<!-- end of {mark} -->)", re.DOTALL)
    parts = [conditions + "\n"] if conditions else []
    for each in tables:
        lines = [each.columns, ["---"] * len(each.columns), *each.rows]
        title = f"### {each.title}\n\n" if each.title else ""
        parts.append(title + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n")
    page.write_text(marks.sub(lambda found: found[1] + "\n" + "\n".join(parts) + "\n" + found[2], page.read_text()))
