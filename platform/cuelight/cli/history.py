"""`cuelight history`: what happened, what was in charge at a moment, and whether the record of it is whole."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cuelight.cli import completion, exit_codes, known, output
from cuelight.cli.options import parse_moment
from cuelight.kit.clock import SystemClock, utc
from cuelight.kit.errors import NotFound

if TYPE_CHECKING:
    from cuelight.operations.database import Operations
    from cuelight.operations.history import Event
    from cuelight.operations.situation import Situation

_MACHINERY = (
    "client",
    "moved_at",
    "generation",
    "run_id",
    "figures",
    "request",
    "log",
)  # --json shows it, as does a pipe
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("name", required=False, shell_complete=completion.models)
@click.option("--since", help="Only events from here on: 30m, 12h, 7d, or an ISO 8601 time (UTC unless it says).")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="The newest so many.")
@click.option("--at", help="What was in charge of NAME then: an age or a time, as for --since.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line; with --at or --verify, one object.")
@click.option("--verify", is_flag=True, help="Check hashes and signatures; exit code 1 if something is wrong.")
@click.option("--save-heads", type=_FILE, help="Write each host's newest signed head to this file, to keep elsewhere.")
@click.option("--heads", type=_FILE, help="With --verify: heads kept elsewhere, which the history must go on from.")
def command(
    name: str | None,
    since: str | None,
    limit: int,
    at: str | None,
    as_json: bool,
    verify: bool,
    save_heads: Path | None,
    heads: Path | None,
) -> None:
    """What happened to model NAME, or to all: switches, traffic, refusals, reports, retrainings.

    Example: cuelight history churn --since 7d
    """
    from cuelight.cli import compose

    if at and not name:
        raise click.UsageError("--at goes with a model: cuelight history NAME --at 1h.")
    if heads and not verify:
        raise click.UsageError("--heads goes with --verify.")
    now = SystemClock().now()
    first, moment = parse_moment(since, now, "--since"), parse_moment(at, now, "--at")
    settings = compose.settings()
    operations, hint = compose.operations(settings), known.hint(settings, name) if name else ""
    if save_heads:
        _save(operations, save_heads)
    if verify:
        sys.exit(_verify(operations, heads, as_json))
    if moment is not None:
        _show_situation(operations, str(name), moment, as_json, hint)
    elif not save_heads:
        events = operations.history(name, since=first, limit=limit)
        _print(events) if as_json else _show(events, hint)


def _verify(operations: Operations, kept: Path | None, as_json: bool) -> int:
    from cuelight.operations.heads import SignedHead

    before = [SignedHead.from_json(line) for line in kept.read_text("utf-8").splitlines()] if kept else []
    with output.busy("Checking every row"):
        faults = operations.verify(before)
    if as_json:
        signed = [
            {"host": each.head.writer, "row": each.head.sequence, "at": each.head.at} for each in operations.heads()
        ]
        click.echo(json.dumps({"whole": not faults, "faults": faults, "signed": signed}))
        return exit_codes.FAILED if faults else exit_codes.WELL
    if faults:
        click.echo("\n".join(faults))
        return exit_codes.FAILED
    click.echo("The history is whole: every row follows from the one before it, and the signatures fit.")
    for each in operations.heads():
        click.echo(f"{each.head.writer} is signed up to row {each.head.sequence}, on {utc(each.head.at)} UTC.")
    return exit_codes.WELL


def _save(operations: Operations, file: Path) -> None:
    from cuelight.kit import files

    heads = operations.heads()
    files.replace(file, "".join(f"{each.to_json()}\n" for each in heads).encode())
    click.echo(f"{file} holds {len(heads)} signed heads.")


def _show_situation(operations: Operations, name: str, moment: float, as_json: bool, hint: str) -> None:
    from cuelight.operations.situation import TELLING, situations

    events = operations.history(name, kinds=TELLING)
    found = situations(each for each in events if each.at <= moment)
    if as_json:
        click.echo(json.dumps({"model": name, "at": moment, "hosts": document(found)}, indent=2))
    elif found:
        _tabulate(name, found, moment)
    elif events:
        click.echo(f"Nothing of {name} was served at {utc(moment)} UTC: its history begins at {utc(events[0].at)}.")
    else:
        raise NotFound(f"Nothing of {name!r} was ever served, as far as the history goes.{hint}")


def document(found: Mapping[str, Situation]) -> list[dict[str, Any]]:
    """Situations by host, for JSON."""
    return [{"host": host, **asdict(each)} for host, each in found.items()]


def _tabulate(name: str, found: Mapping[str, Situation], moment: float) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("Host", "Track", "Version", "Since (UTC)", "Why", "By", "Generation", box=None, pad_edge=False)
    for host, situation in found.items():
        for track, each in sorted(situation.tracks.items()):
            cells = (host, track, str(each.version), utc(each.since), each.why, each.by, str(each.generation))
            table.add_row(*(Text(cell) for cell in cells))
    console = output.console()
    console.print(Text(f"{name} at {utc(moment)} UTC"))
    console.print(table if table.rows else "Nothing was on a track.")
    for host, situation in found.items():
        shares = situation.shares
        if shares.canary or shares.shadow or shares.control:
            by, why = (f", {text}" if text else "" for text in (shares.by and f"by {shares.by}", shares.why))
            console.print(Text(f"{host}: {shares}, since {utc(shares.since or 0.0)}{by}{why}"))


def _print(events: Sequence[Event]) -> None:
    for event in events:
        click.echo(json.dumps(event.__dict__))


def _show(events: Sequence[Event], hint: str) -> None:
    if not events:
        click.echo(f"Nothing has happened yet.{hint}")
    elif output.console().is_terminal:
        _tell(events)
    else:
        _list(events)


def _list(events: Sequence[Event]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("Time (UTC)", "What", "Model", "Version", "Detail", box=None, pad_edge=False)
    for event in events:
        cells = (utc(event.at), event.kind, event.model, "" if event.version is None else str(event.version))
        table.add_row(*map(Text, (*cells, ", ".join(_details(event)))))  # as it is: a detail may hold square brackets
    output.console().print(table, highlight=False)


def _tell(events: Sequence[Event]) -> None:
    """Each event as a headline, with its details below: sentences and links are longer than a column is wide."""
    from rich.padding import Padding
    from rich.text import Text

    screen = output.console()
    for event in events:
        version = "" if event.version is None else f" version {event.version}"
        line = Text.assemble((utc(event.at), "dim"), "  ", (event.kind, "bold"), "  ", f"{event.model}{version}")
        screen.print(line, highlight=False)
        known = [each for each in _details(event) if each.partition(":")[0] not in _MACHINERY]
        links = [each for each in known if "://" in each]
        plain = ", ".join(each for each in known if each not in links)
        for text in filter(None, (plain, *(each.partition(": ")[2] for each in links))):
            screen.print(Padding(Text(text, overflow="fold"), (0, 0, 0, 2)), highlight=False)


def _details(event: Event) -> list[str]:
    return [f"{key}: {value}" for key, value in event.detail.items() if value not in (None, "")]
