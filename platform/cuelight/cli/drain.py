"""`cuelight drain`: take one serving replica out of traffic, and stop it; or have it back."""

from __future__ import annotations

from functools import partial

import click

from cuelight.cli import completion, compose, output


@click.command()
@click.argument("replica", shell_complete=completion.replicas)
@click.option("--undo", is_flag=True, help="Have it back: start it, and send it requests once it is ready.")
@output.json_option
def command(replica: str, undo: bool, as_json: bool) -> None:
    """Send REPLICA no new requests, wait until those that it has are answered, and stop its programs.

    Example: cuelight drain replica-2
    """
    from cuelight.cli.crew import Crew, document

    settings = compose.settings()
    crew = Crew(settings, partial(click.echo, err=as_json))
    with crew.alone():
        if undo:
            crew.bring_back(replica)
        else:
            crew.drain(replica)
    if as_json:
        click.echo(document(settings))
