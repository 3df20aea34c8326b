"""`cuelight serve`: the scoring server of this host."""

from __future__ import annotations

import click

from cuelight.cli import compose


@click.command()
def command() -> None:
    """Run the scoring server (gunicorn); it serves what the follower puts on the cue board.

    Example: cuelight serve
    """
    from cuelight.serving.server import serve

    serve(compose.replica_settings())
