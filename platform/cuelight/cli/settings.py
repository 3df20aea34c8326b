"""`cuelight settings`: every setting, where it can be set, and its value now."""

from __future__ import annotations

import json
import re

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cuelight.cli import compose
from cuelight.kit.settings import Row, table


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """List every setting with its environment variable, unit, default and present value.

    Example: CUELIGHT_SERVING_PORT=8080 cuelight settings
    """
    chosen = compose.settings()
    values = {row.name: _shown(row, getattr(chosen, row.name)) for row in table()}
    if as_json:
        click.echo(json.dumps(values, indent=1))
        return
    result = Table()
    for name in ("setting", "variable", "value", "unit", "help"):
        result.add_column(name, overflow="fold")
    for row in table():
        value = values[row.name]
        changed = value != str(row.default)
        result.add_row(row.key, row.variable, Text(value, style="bold" if changed else ""), row.unit, row.help)
    Console().print(result)


def _shown(row: Row, value: object) -> str:
    """A value for people's eyes: no secret, also not one within a URL."""
    if row.is_secret:
        return "***" if value else ""
    return re.sub(r"(://[^/@:]*):[^/]*@", r"\1:***@", str(value))
