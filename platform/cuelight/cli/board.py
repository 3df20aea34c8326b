"""`cuelight board`: the page that people look at."""

from __future__ import annotations

import click

from cuelight.cli import compose


@click.command()
def command() -> None:
    """Run the board (gunicorn), on loopback; the gateway leads people there."""
    from cuelight.cli.credentials import credentials
    from cuelight.monitoring.board.server import Server

    settings = compose.settings()
    Server(settings, lambda: credentials(settings)).run()
