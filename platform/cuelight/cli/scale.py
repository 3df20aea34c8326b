"""`cuelight scale`: more serving replicas, or fewer, while all runs on."""

from __future__ import annotations

import click

from cuelight.cli import compose


@click.command()
@click.argument("count", type=click.IntRange(1))
def command(count: int) -> None:
    """Run COUNT serving replicas on this machine from now on, without a failed request.

    Who comes gets requests once it is ready; who goes is drained first. Example: cuelight scale 3
    """
    from cuelight.cli.crew import Crew

    crew = Crew(compose.settings(), click.echo)
    with crew.alone():
        crew.resize(count)
