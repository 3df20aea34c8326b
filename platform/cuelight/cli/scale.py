"""`cuelight scale`: more serving replicas, or fewer, while all runs on."""

from __future__ import annotations

from functools import partial

import click

from cuelight.cli import compose, output


@click.command()
@click.argument("count", type=click.IntRange(1))
@output.json_option
def command(count: int, as_json: bool) -> None:
    """Run COUNT serving replicas on this machine from now on, without a failed request.

    Who comes gets requests once it is ready; who goes is drained first.

    Example: cuelight scale 3
    """
    from cuelight.cli.stack.crew import Crew, document

    settings = compose.settings()
    crew = Crew(settings, partial(click.echo, err=as_json))
    with crew.alone():
        crew.resize(count)
    if as_json:
        click.echo(document(settings))
