"""`cuelight settings`: every setting, where it can be set, and its value now."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import click
from rich.table import Table
from rich.text import Text

from cuelight.cli import compose, output
from cuelight.kit.settings import Row, table

_FRAME = 10  # columns of frames and blanks
_WIDE = 160  # columns that it takes to show all side by side


@click.command()
@output.json_option
def command(as_json: bool) -> None:
    """List every setting with its environment variable, unit, default and present value.

    Example: cuelight settings
    """
    chosen = compose.settings()
    values = {row.name: _shown(row, getattr(chosen, row.name)) for row in table()}
    if as_json:
        click.echo(json.dumps(values, indent=1))
        return
    console = output.console()
    console.print(_wide(values) if console.width >= _WIDE else _narrow(values, console.width))


def _wide(values: Mapping[str, str]) -> Table:
    """A column for each."""
    result = Table("setting", "variable", "value", "unit", "help")
    for row in table():
        result.add_row(row.key, row.variable, _value(row, values), row.unit, row.help)
    return result


def _narrow(values: Mapping[str, str], columns: int) -> Table:
    """Names below each other, as a screen of 80 `columns` has no room for them side by side."""
    names, value = max(len(row.variable) for row in table()), columns // 6
    result = Table()
    result.add_column("setting, variable", width=names)
    result.add_column("value, unit", width=value, overflow="fold")
    result.add_column("help", width=columns - names - value - _FRAME, overflow="fold")
    for row in table():
        both = Text(row.key).append(f"\n{row.variable}", style="dim")
        result.add_row(both, _value(row, values).append(f"\n{row.unit}", style="dim"), row.help, end_section=True)
    return result


def _value(row: Row, values: Mapping[str, str]) -> Text:
    """Bold where it is not the default."""
    return Text(values[row.name], style="" if values[row.name] == str(row.default) else "bold")


def _shown(row: Row, value: object) -> str:
    """A value for people's eyes: no secret, also not one within a URL, before its host or in its query."""
    if row.is_secret:
        return "***" if value else ""
    text = re.sub(r"(://[^/@:]*):[^/]*@", r"\1:***@", str(value))
    return re.sub(r"([?&](?:ssl)?password=)[^&]*", r"\1***", text)
