"""`cuelight up`: everything on this machine, until Ctrl-C."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console

from cuelight.cli import compose
from cuelight.cli.stack.programs import log_file
from cuelight.cli.stack.start import everything, show_links
from cuelight.cli.stack.supervision import wait_for_end
from cuelight.kit.errors import Misconfigured


@click.command()
@click.option("--mlflow-port", type=int, help="Port of the MLflow server.")
@click.option("--serving-port", type=int, help="Port of the scoring server.")
@click.option("--replicas", "serving_replicas", type=int, help="Serving hosts, each on a port of its own.")
@click.option("--serving-workers", type=int, help="Scoring workers of each serving host.")
@click.option("--gateway-port", type=int, help="Port of the gateway; 0: none.")
@click.option("--registry-uri", help="An existing MLflow server; none is started then.")
def command(**flags: Any) -> None:
    """Run MLflow, scoring server, follower, compactor, scheduler and gateway until Ctrl-C.

    Example: cuelight up --replicas 2
    """
    settings = compose.settings(**flags)
    console = Console()
    with everything(settings, console) as supervisor:
        show_links(settings, console)
        console.print("Press Ctrl-C to stop.")
        wait_for_end(supervisor)
        raise Misconfigured(f"supervisord ended by itself; see {log_file(settings, 'supervisord')}.")
