"""`cuelight logs`: what a model was asked, as lines for people, or as a file."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cuelight.cli import completion, known
from cuelight.cli.options import parse_moment
from cuelight.cli.output import busy
from cuelight.kit.errors import NotFound

if TYPE_CHECKING:
    from cuelight.journal.query import Query
    from cuelight.journal.tail import Entry
    from cuelight.kit.settings import Settings

_PAUSE_SECONDS = 0.5


class _Statuses(click.ParamType[tuple[int, int]]):
    name = "status"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        text = str(value).lower()
        if not re.fullmatch(r"[1-5](\d\d|xx)", text):
            self.fail(f"{value!r} is no status: give one such as 200, or all of a kind such as 4xx.", param, ctx)
        return int(text.replace("x", "0")), int(text.replace("x", "9"))


@click.command()
@click.argument("name", shell_complete=completion.models)
@click.option("--limit", type=click.IntRange(min=1), help="The newest so many; 20 on the screen, all in a file.")
@click.option("--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--version", type=click.IntRange(min=0), help="Answered by this version; 0: by none.")
@click.option("--track", help="Asked of this track, like Production.")
@click.option(
    "--arm",
    type=click.Choice(["champion", "canary", "control", "shadow", "pinned"]),
    help="Answered as this; without it all but shadows, which no caller sees.",
)
@click.option("--status", type=_Statuses(), help="Answered with this HTTP status: 200, 503, 4xx, 5xx.")
@click.option("--id", "id_", help="The one with this prediction id or request id.")
@click.option("--since", help="Only requests from here on: 30m, 12h, 7d, or an ISO 8601 time (UTC unless it says).")
@click.option("--until", help="Only requests before then.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write predicted rows, with inputs and answers, to this .jsonl, .csv or .parquet.",
)
@click.option("--requests", is_flag=True, help="With --output: requests with their bodies, refused ones too.")
def command(
    name: str,
    limit: int | None,
    follow: bool,
    version: int | None,
    track: str | None,
    arm: str | None,
    status: tuple[int, int] | None,
    id_: str | None,
    since: str | None,
    until: str | None,
    as_json: bool,
    output: Path | None,
    requests: bool,
) -> None:
    """Show the newest requests of model NAME, refused and failed ones too; what is seconds old is there.

    Example: cuelight logs churn --follow --status 5xx
    """
    from cuelight.cli import compose
    from cuelight.journal.query import Query

    if requests and not output:
        raise click.UsageError("--requests goes with --output.")
    if output and (follow or as_json):
        raise click.UsageError("--output writes a file and ends: leave out --follow and --json.")
    now = time.time()
    first, end = parse_moment(since, now), parse_moment(until, now, "--until")
    query = Query(name, version, track, arm, first, end, limit, status, id_)
    settings = compose.settings()
    if output:
        _export(settings, query, output, requests)
    else:
        _show(settings, query, follow, as_json)


def _show(settings: Settings, query: Query, follow: bool, as_json: bool) -> None:
    from cuelight.journal.tail import Tail

    tail = Tail(settings.journal_folder, query)
    entries = tail.newest(query.last_rows or 20)
    if not entries and not follow:
        raise NotFound(_nothing(settings, query.model))
    _print(entries, as_json)
    while follow:
        time.sleep(_PAUSE_SECONDS)
        _print(tail.new(), as_json)


def _print(entries: Iterable[Entry], as_json: bool) -> None:
    from cuelight.cli.views.requests import line

    for each in entries:
        click.echo(json.dumps(each) if as_json else line(each))


def _export(settings: Settings, query: Query, file: Path, requests: bool) -> None:
    from cuelight.cli import compose
    from cuelight.journal import export, layout
    from cuelight.journal.query import Journal

    export.check(file)
    compose.compactor(settings).run_once()
    batches = Journal(settings.journal_folder).batches(layout.REQUESTS if requests else layout.ROWS, query)
    with busy(f"Writing {file}"):
        count = export.write(file, batches)
    click.echo(f"{file} holds {count:,} {'requests' if requests else 'rows'}.")


def _nothing(settings: Settings, model: str) -> str:
    from cuelight.journal import layout

    has = known.recorded(settings.journal_folder, layout.REQUESTS, model)
    return f"The journal has no such requests to {model!r}; it has requests to: {has}"
