"""`cuelight train`: train a pipeline, register the version, put it into Staging."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from cuelight.cli import completion, exit_codes, output

if TYPE_CHECKING:
    from cuelight.pipelines.candidates.register import Trained


@click.command()
@click.argument("name", required=False, shell_complete=completion.pipelines)
@click.option("--all", "everything", is_flag=True, help="Train every pipeline.")
@click.option("--no-stage", is_flag=True, help="Register only; leave the version in no stage.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(name: str | None, everything: bool, no_stage: bool, as_json: bool) -> None:
    """Train pipeline NAME, register the result, and put it into Staging if its gate passes.

    Exits with 2 if a gate failed: the version is registered then, with the reason on its tags.

    Example: cuelight train wine
    """
    from cuelight.cli import compose
    from cuelight.pipelines import catalog

    settings = compose.settings()
    known = catalog.names(settings.pipelines)
    if everything == bool(name):
        raise click.UsageError(f"Name one pipeline, or give --all. There are: {', '.join(known)}.")
    pipelines = [catalog.find(each, settings.pipelines) for each in (known if everything else [str(name)])]

    from cuelight.pipelines.train import train

    workshop = compose.workshop(settings, silent=as_json)
    results = []
    for each in pipelines:
        results.append(train(workshop, each, stage=not no_stage))
        if not as_json:
            show(results[-1])
    if as_json:
        shown = [asdict(each) for each in results]
        click.echo(output.to_json(shown if everything else shown[0]))
    if not all(each.gate.passed for each in results):
        raise SystemExit(exit_codes.GATE_FAILED)


def show(trained: Trained) -> None:
    """One training for people."""
    place = f"in {trained.stage}" if trained.stage != "None" else "registered, in no stage"
    click.echo(f"{trained.model} version {trained.version}: {place}. {trained.gate.reason}")
    click.echo(f"Run: {trained.run_url}")
