"""`cuelight schedule`: the scheduler of an installation, which also sends its alerts."""

from __future__ import annotations

import threading

import click

from cuelight.cli import compose
from cuelight.kit.log import Log
from cuelight.kit.loop import Loop
from cuelight.kit.settings import Settings

_PARTING_SECONDS = 5.0  # what is not sent by then is sent by the next one


@click.command()
def command() -> None:
    """Start drift jobs by their schedules and retrainings that were asked for, one at a time; send alerts."""
    from cuelight.cli.drift import targets
    from cuelight.monitoring.schedule.scheduler import TICK_SECONDS, Scheduler

    settings = compose.settings()
    alerts = _alerts(settings)
    # The follower's memory moves while this runs, so it is read anew each time.
    scheduler = Scheduler(settings, lambda: targets(settings).models(), compose.operations(settings))
    loop = Loop(scheduler.tick, lambda: TICK_SECONDS, Log("monitoring.scheduler"))
    loop.stop_on_signals()
    # In a thread of its own: neither a receiver that is slow nor a long job holds up the other.
    sender = threading.Thread(target=alerts.run, name="alerts", daemon=True)
    sender.start()
    try:
        loop.run()
    finally:
        alerts.stop()
        scheduler.stop()
        sender.join(_PARTING_SECONDS)


def _alerts(settings: Settings) -> Loop:
    from cuelight.monitoring.alerts.channels import channels
    from cuelight.monitoring.alerts.dispatcher import TICK_SECONDS, Dispatcher
    from cuelight.monitoring.alerts.troubles import Terms

    terms = Terms(settings.alerts_refused_seconds, settings.tracking_uri)
    dispatcher = Dispatcher(compose.operations(settings), channels(settings), terms)
    return Loop(dispatcher.tick, lambda: TICK_SECONDS, Log("monitoring.alerts"))
