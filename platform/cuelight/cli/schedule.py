"""`cuelight schedule`: the scheduler of an installation."""

from __future__ import annotations

import click

from cuelight.cli import compose
from cuelight.kit.log import Log
from cuelight.kit.loop import Loop


@click.command()
def command() -> None:
    """Start drift jobs by their schedules and retrainings that were asked for, one at a time."""
    from cuelight.cli.drift import targets
    from cuelight.monitoring.scheduler import TICK_SECONDS, Scheduler

    settings = compose.settings()
    # The follower's memory moves while this runs, so it is read anew each time.
    scheduler = Scheduler(settings, lambda: targets(settings).models(), compose.operations(settings))
    loop = Loop(scheduler.tick, lambda: TICK_SECONDS, Log("monitoring.scheduler"))
    loop.stop_on_signals()
    try:
        loop.run()
    finally:
        scheduler.stop()
