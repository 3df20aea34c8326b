"""`cuelight drift`: judge a model's recent predictions against its reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cuelight.cli import completion, exit_codes, output
from cuelight.cli.options import Picture, Span
from cuelight.kit.errors import BadInput

if TYPE_CHECKING:
    from cuelight.monitoring.reports.outcome import Outcome
    from cuelight.monitoring.windows.extent import Extent


class _Window(click.ParamType["Extent"]):
    name = "window"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Extent:
        from cuelight.monitoring.windows.extent import Extent

        try:
            return Extent.parse(str(value))
        except BadInput as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.argument("name", shell_complete=completion.models)
@click.option("--since", type=Span(), help="Only rows of so long ago or later, like 90m, 1h or 7d.")
@click.option(
    "--every", type=Span(), help="Judge the past instead, back to --since: a window each 1h or 1d. Records nothing."
)
@click.option(
    "--window", type=_Window(), help='Which rows: "2000 rows", 1d, or "1d tumbling"; without it monitoring.window.'
)
@click.option(
    "--against",
    type=click.Choice(["reference", "previous", "weekday"]),
    help="What they are compared with; without it monitoring.against.",
)
@click.option("--by", help="Judge each value of this input by itself too, such as region; without it monitoring.by.")
@click.option("--version", type=click.IntRange(min=1), help="Judge this version; without it, the one on Production.")
@click.option("--only-new", is_flag=True, help="Do nothing if no row and no label came since the last report.")
@click.option(
    "--no-page", is_flag=True, help="Leave Evidently's page out: the verdict is the same, and is there sooner."
)
@click.option("--once", is_flag=True, help="Judge once and end; so it does without, but a crontab may say so.")
@click.option("--plot", type=Picture(), help="With --every: draw it (.png or .svg).")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    name: str,
    since: float | None,
    every: float | None,
    window: Extent | None,
    against: str | None,
    by: str | None,
    version: int | None,
    only_new: bool,
    no_page: bool,
    once: bool,  # noqa: ARG001
    plot: Path | None,
    as_json: bool,
) -> None:
    """Compare recent predictions of model NAME with its reference, or with those before them.

    It ends in a verdict, a report in MLflow, and tags on the version.

    Exits with 0 (ok, watch), 10 (drift), 11 (degraded), 12 (bad data), 13 (not enough data), 75 where another
    process judges the model right now, or 1 when it failed. With --every it ends with 0.

    Example: cuelight drift churn --since 30d --every 1d --window 1d
    """
    import time

    from cuelight.cli import backtests, compose
    from cuelight.monitoring.job import Order
    from cuelight.monitoring.windows.baseline import Against

    compared = Against(against) if against else None
    if (every and not since) or (plot and not every):
        raise click.UsageError("A look at the past takes --since and --every: --since 30d --every 1d.")
    if since and every:
        span = backtests.Span(since, every)
        choice = backtests.Choice(window, compared, by, version)
        backtests.run(compose.settings(), name, span, choice, plot, as_json)
        return
    job = compose.drift_job(compose.settings(), pages=not no_page)
    moment = None if since is None else time.time() - since
    with output.busy(f"Judging {name}"):
        outcome = job.run(Order(name, version, window, compared, by, moment, only_new))
    if outcome is None:
        click.echo("null" if as_json else f"No row and no label for {name} came since the last report.")
        return
    if as_json:
        click.echo(json.dumps(outcome.document(), indent=2, allow_nan=False))
    else:
        show(outcome)
    raise SystemExit(exit_codes.OF_VERDICT[outcome.verdict])


def show(outcome: Outcome) -> None:
    """The verdict, the columns as a table, and where the report is."""
    from rich.table import Table
    from rich.text import Text

    console = output.console()
    columns = outcome.assessment.columns
    if columns:
        rows = f"{outcome.rows:,} rows against {outcome.against}"
        table = Table(title=f"{outcome.model} version {outcome.version}: {rows}")
        for heading in ("column", "test", "p", "z", "drifted", "weight"):
            table.add_column(heading, justify="left" if heading in ("column", "test") else "right")
        for each in columns:
            weight = "" if each.weight is None else f"{each.weight:.0%}"
            figures = (f"{each.comparison.p_value:.2g}", f"{each.z:.1f}", "yes" if each.drifted else "", weight)
            table.add_row(Text(each.name), each.comparison.test, *figures, style="bold" if each.drifted else "")
        console.print(table)
    for name, part in outcome.assessment.segments.items():
        drifted = ", ".join(each.label for each in part.columns if each.drifted)
        style = "bold" if drifted else ""
        console.print(Text(f"{name}: {part.decision.verdict.value}{f' ({drifted})' if drifted else ''}", style=style))
    for finding in outcome.assessment.examination.findings:
        console.print(Text(f"{'bad data' if finding.alert else 'note'}: {finding.text}"))
    console.print(Text(outcome.sentence, style="bold"))
    for sentence in (*outcome.changes, *outcome.prospects, *outcome.notes):
        console.print(Text(sentence))
    if outcome.request is not None:
        console.print(Text(f"Retraining was asked for (request {outcome.request})."))
    if outcome.link:
        console.print(Text(f"Report: {outcome.link}"), soft_wrap=True)
