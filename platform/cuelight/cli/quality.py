"""`cuelight quality`: how good the answers were that have a label by now."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cuelight.cli import completion, exit_codes, known, output
from cuelight.cli.options import Picture, Span, parse_moment
from cuelight.kit.errors import NotFound

if TYPE_CHECKING:
    from cuelight.journal.groups import Cut, Group
    from cuelight.journal.query import Journal, Query

_MOST_WINDOWS = 30  # of a trend whose windows nobody chose
_STEPS = (60.0, 300.0, 900.0, 3600.0, 21_600.0, 86_400.0, 604_800.0)


@click.command()
@click.argument("name", shell_complete=completion.models)
@click.option("--version", type=int, help="Only answers of this version.")
@click.option("--track", help="Only answers of this track: Production or Staging.")
@click.option("--arm", help="Only this arm: champion, canary, control, pinned, or shadow, which is left out without.")
@click.option("--since", help="Only answers from here on: 30m, 24h, 7d, or an ISO 8601 time (UTC unless it says).")
@click.option("--until", help="Only answers before then, in the same forms.")
@click.option(
    "--by",
    multiple=True,
    default=("version",),
    show_default=True,
    help="A line for each value of it: version, track, arm, or a column of the input; may be given several times.",
)
@click.option("--every", type=Span(), help="A line for each so much time, such as 1h, by when the answers were given.")
@click.option(
    "--least",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    help="Of fewer labelled rows there are no figures.",
)
@click.option(
    "--task",
    type=click.Choice(["classification", "regression"]),
    help="What the answers are; without it as they look: probabilities, texts or few whole numbers are classes.",
)
@click.option("--classes", is_flag=True, help="Precision, recall and F1 of each class as well.")
@click.option("--plot", type=Picture(), help="Draw the trend into this .png or .svg.")
@output.json_option
def command(
    name: str,
    version: int | None,
    track: str | None,
    arm: str | None,
    since: str | None,
    until: str | None,
    by: tuple[str, ...],
    every: float | None,
    least: int,
    task: str | None,
    classes: bool,
    plot: Path | None,
    as_json: bool,
) -> None:
    """The quality of what model NAME answered, on the rows that have a label by now.

    Ends with 0, or with 13 where no line has enough labelled rows.

    Example: cuelight quality churn --since 7d --by version --by region
    """
    from cuelight.cli import compose
    from cuelight.cli.views.quality import show
    from cuelight.journal import layout
    from cuelight.journal.groups import Cut, groups, task_of
    from cuelight.journal.labels import unknown
    from cuelight.journal.query import Journal, Query

    now, settings = time.time(), compose.settings()
    first, last = parse_moment(since, now), parse_moment(until, now, "--until")
    query, cut = Query(name, version, track, arm, first, last), Cut(by, every)
    compose.compactor(settings).run_once()
    journal = Journal(settings.journal_folder)
    if journal.columns(query) and not task:
        task = task_of(journal, query)
    with output.busy(f"Measuring {name}"):
        found = groups(journal, query, cut, task or "", least)
    if not found:
        raise NotFound(_nothing(journal, query, known.recorded(settings.journal_folder, layout.ROWS, name)))
    if plot:
        _draw(name, groups(journal, query, _trend(cut, journal, query), task or "", least), plot)
    lost = len(unknown(settings.journal_folder, name))
    if as_json:
        groups_found = [asdict(each) for each in found]
        document = {"model": name, "task": task, "every": every, "groups": groups_found, "unknown_labels": lost}
        click.echo(json.dumps(document, allow_nan=False, default=str))
    else:
        show(name, found, least, classes)
        if lost:
            click.echo(f"\n{lost:,} labels belong to no row of the journal: cuelight labels unknown {name}")
    if all(each.quality is None for each in found):
        raise SystemExit(exit_codes.TOO_LITTLE)


def _nothing(journal: Journal, query: Query, has: str) -> str:
    """Why there is nothing to measure; `has` names the models of which there is."""
    from cuelight.journal.query import Query

    if journal.columns(Query(query.model)):
        return f"The journal has no answers of {query.model} with that version, track, arm and time."
    return f"The journal has no answers of {query.model!r}; it has answers of: {has}"


def _trend(cut: Cut, journal: Journal, query: Query) -> Cut:
    """The same in windows: those that were chosen, else so long that there are at most thirty."""
    if cut.every is not None:
        return cut
    moments = journal.counts(query, [], every=_STEPS[0])["window"].to_pylist()
    span = max(moments) - min(moments)
    enough = (step for step in _STEPS if span <= step * (_MOST_WINDOWS - 1))
    return replace(cut, every=next(enough, math.ceil(span / _MOST_WINDOWS / _STEPS[-1]) * _STEPS[-1]))


def _draw(name: str, found: Sequence[Group], path: Path) -> None:
    from cuelight.pipelines.plots.quality import figure

    figure(name, found).savefig(path)
