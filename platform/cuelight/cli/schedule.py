"""`cuelight schedule`: what is next and what happened; and the scheduler itself, which also sends alerts."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

from cuelight.cli import compose
from cuelight.kit.errors import Unavailable
from cuelight.kit.log import Log, adopt_libraries
from cuelight.kit.loop import Loop

if TYPE_CHECKING:
    from cuelight.kit.settings import Settings

T = TypeVar("T")
_PARTING_SECONDS = 5.0  # what is not sent by then is sent by the next one
_WAIT_SECONDS = 2.0


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON; times in seconds since the epoch.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Show what is next and what happened: each job's turns, its last run, and the log of that; times are UTC.

    Example: cuelight schedule
    """
    if context.invoked_subcommand:
        return
    from cuelight.cli.views.schedule import document, show
    from cuelight.monitoring.schedule.plans import DRIFT
    from cuelight.monitoring.schedule.scheduler import LEASE

    operations, now = compose.operations(compose.settings()), time.time()
    jobs = list(operations.jobs().values())
    models = {each.name: each.name.removeprefix(DRIFT) for each in jobs if each.name.startswith(DRIFT)}
    reports = {name: next(iter(operations.reports(model, limit=1)), None) for name, model in models.items()}
    waiting = {model: operations.challenger(model) for model in sorted({each.name.partition(":")[2] for each in jobs})}
    found = document(jobs, operations.lease(LEASE), reports, waiting, now)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        show(found, now)


@command.command()
def run() -> None:
    """Start drift jobs by their schedules and retrainings that were asked for, one at a time; send alerts.

    Any number may run over one operations database: one leads, and the others wait to take over.

    Example: cuelight schedule run
    """
    from cuelight.monitoring.alerts.dispatcher import TICK_SECONDS as ALERT_SECONDS
    from cuelight.monitoring.schedule.scheduler import TICK_SECONDS, Scheduler

    settings = compose.settings()
    adopt_libraries()
    operations = _opened(compose.operations, settings)
    sending = _opened(compose.dispatcher, settings)
    alerts = Loop(sending.tick, lambda: ALERT_SECONDS, Log("monitoring.alerts"))
    # The follower's memory moves while this runs, so it is read anew each time.
    scheduler = Scheduler(settings, lambda: compose.targets(settings).models(), operations)
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


def _opened(make: Callable[[Settings], T], settings: Settings) -> T:
    """What needs the operations database: a server that is away is waited for, since nobody starts this again."""
    log = Log("monitoring.scheduler")
    while True:
        try:
            return make(settings)
        except Unavailable as error:
            if not settings.database_url:
                raise
            log.warning("database-unavailable", str(error))
            time.sleep(_WAIT_SECONDS)
