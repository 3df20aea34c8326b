"""`cuelight simulate`: play a table through the loop in fast time, beside a version that stays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cuelight.cli import completion, output
from cuelight.cli.options import Picture, Span

if TYPE_CHECKING:
    import pandas as pd

    from cuelight.pipelines.pipeline import TrainingPipeline


@click.command()
@click.argument("name", shell_complete=completion.pipelines)
@click.option(
    "--stream",
    "table",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The rows that come, as CSV or Parquet, with the pipeline's columns.",
)
@click.option("--labels-after", type=Span(), required=True, help="How long after its row a label comes, such as 2d.")
@click.option("--time", "time_column", help="Column with the time of each row; without it, the pipeline's event_time.")
@click.option("--rate", type=float, help="So many rows come a minute, in the order of the table, whatever its times.")
@click.option(
    "--start",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Table that the first version learns from; without it, the first rows of the stream.",
)
@click.option("--start-rows", type=click.IntRange(min=1), help="So many first rows of the stream; without it, a fifth.")
@click.option("--own-data", is_flag=True, help="The first version learns from what the pipeline's `load` returns.")
@click.option("--schedule", help="Cron line (UTC) of the drift jobs (setting monitoring.schedule).")
@click.option("--retraining-takes", type=Span(), default="10m", show_default=True, help="How long a retraining takes.")
@click.option("--promote-after", type=Span(), help="How long a person takes to promote; else it is done at once.")
@click.option("--driftless", is_flag=True, help="Nothing drifts in this stream: alarms and retrainings are false ones.")
@click.option("--plot", type=Picture(), help="Draw it into this .png or .svg.")
@output.json_option
def command(
    name: str,
    table: Path,
    labels_after: float,
    time_column: str | None,
    rate: float | None,
    start: Path | None,
    start_rows: int | None,
    own_data: bool,
    schedule: str | None,
    retraining_takes: float,
    promote_after: float | None,
    driftless: bool,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Play a table through drift jobs, retrainings, gate and promotion of pipeline NAME, in fast time.

    The loop's answers are held against those of the first version, on the same rows. It decides as the real loop does,
    with the model's settings; nothing is served, registered or recorded.

    Example: cuelight simulate churn --stream rows.csv --labels-after 2d
    """
    if time_column and rate is not None:
        raise click.UsageError("Give --time or --rate: a row comes at one moment.")
    if sum([start is not None, start_rows is not None, own_data]) > 1:
        raise click.UsageError("Give one of --start, --start-rows and --own-data.")
    from cuelight.cli import compose
    from cuelight.cli.views.simulation import show
    from cuelight.pipelines import catalog
    from cuelight.simulation.player import Plan, play
    from cuelight.simulation.result import weigh
    from cuelight.simulation.stream import Timing, arrange, read_table

    settings = compose.settings()
    pipeline = catalog.find(name, settings.pipelines)
    timing, first = Timing(time_column or "", rate), _first(pipeline, start, own_data)
    stream = arrange(pipeline, read_table(table), timing, first, start_rows)
    plan = Plan(labels_after, retraining_takes, promote_after or 0.0, schedule or "")
    with output.progress(f"Playing {table}") as tell:
        result = weigh(play(stream, plan, settings, tell), driftless)
    if plot:
        from cuelight.simulation.figure import save

        save(result, plot)
    if as_json:
        click.echo(output.to_json(result.document()))
    else:
        show(result)


def _first(pipeline: TrainingPipeline, start: Path | None, own_data: bool) -> pd.DataFrame | None:
    """What the first version learns from, where that is not the beginning of the stream."""
    from cuelight.pipelines.blame import blamed
    from cuelight.simulation.stream import read_table

    if start is not None:
        return read_table(start)
    if not own_data:
        return None
    with blamed(f"`load` of pipeline {pipeline.name!r}"):
        return pipeline.load()
