"""`cuelight history`: what happened, and whether the record of it is whole."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from cuelight.kit.errors import BadInput

if TYPE_CHECKING:
    from cuelight.operations.history import Event

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@click.command()
@click.argument("name", required=False)
@click.option("--since", help="Only events from here on: 30m, 12h, 7d, or an ISO 8601 time (UTC unless it says).")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="The newest so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--verify", is_flag=True, help="Check the chain of hashes; exit code 1 if it is broken.")
def command(name: str | None, since: str | None, limit: int, as_json: bool, verify: bool) -> None:
    """What happened to model NAME, or to all: transitions, refusals, reports, retrainings."""
    from cuelight.cli import compose
    from cuelight.kit.clock import SystemClock

    moment = parse_since(since, SystemClock().now()) if since else None
    operations = compose.operations(compose.settings())
    if verify:
        faults = operations.verify()
        click.echo("\n".join(faults) or "The history is whole: every row follows from the one before it.")
        sys.exit(1 if faults else 0)
    events = operations.history(name, since=moment, limit=limit)
    if as_json:
        for event in events:
            click.echo(json.dumps(event.__dict__))
    else:
        _show(events)


def parse_since(text: str, now: float) -> float:
    """A moment in seconds since the epoch, from an age or an ISO 8601 time.

    Raises:
        BadInput: it is neither.
    """
    if match := re.fullmatch(r"(\d+)([smhd])", text.strip()):
        return now - int(match[1]) * _UNITS[match[2]]
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadInput(f"--since {text}: give an age such as 30m, 12h or 7d, or an ISO 8601 time.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _show(events: list[Event]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("Time (UTC)", "What", "Model", "Version", "Detail", box=None, pad_edge=False)
    for event in events:
        moment = datetime.fromtimestamp(event.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        detail = ", ".join(f"{key}: {value}" for key, value in event.detail.items())
        cells = (moment, event.kind, event.model, "" if event.version is None else str(event.version), detail)
        table.add_row(*(Text(cell) for cell in cells))  # as it is: a detail may hold square brackets
    Console().print(table if events else "Nothing has happened yet.")
