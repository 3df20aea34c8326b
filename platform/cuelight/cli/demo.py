"""`cuelight demo`: everything up, and the whole story on real data."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace

import click
from rich.console import Console

from cuelight.cli import compose
from cuelight.cli.demonstration.story import Story
from cuelight.cli.stack.ports import check_ports
from cuelight.cli.stack.start import everything, show_links
from cuelight.cli.stack.supervision import held, wait_for_end
from cuelight.kit.settings import Settings


@click.command()
@click.option("--once", is_flag=True, help="End after the story instead of staying up.")
def command(once: bool) -> None:
    """Play the story: train, promote, score, drift, retrain, promote again; then stay up to look around.

    Starts from an empty folder each time. Ends with 1 if any step did not happen.

    Example: cuelight demo --once
    """
    console = Console()
    settings = _demo_settings(compose.settings())
    began = time.monotonic()
    check_ports(settings)
    with held(settings):  # the folder of a demo that still runs, on other ports, must not be emptied
        shutil.rmtree(settings.home, ignore_errors=True)
    with everything(settings, console) as supervisor:
        Story(settings, console).play()
        console.print(f"\n[bold green]The loop is closed[/bold green] after {time.monotonic() - began:.0f} s.\n")
        show_links(settings, console)
        if not once:
            console.print("\nPress Ctrl-C to stop.")
            wait_for_end(supervisor)


def _demo_settings(chosen: Settings) -> Settings:
    """A folder of its own, and segments that close soon: the story is short."""
    return replace(chosen, home=chosen.home / "demo", journal_segment_seconds=1.0, journal_compact_seconds=1.0)
