"""Everything on this machine, from nothing to ready, and where to look then."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

from rich.console import Console

from cuelight.access import exposure
from cuelight.access.keys import Keys
from cuelight.cli.stack import fleet
from cuelight.cli.stack.ports import check_ports
from cuelight.cli.stack.programs import Program, log_file, of_replica, programs
from cuelight.cli.stack.supervision import Supervisor, held
from cuelight.cli.stack.supervisord import SHARED
from cuelight.client.address import mlflow_url, public_url, serving_url
from cuelight.kit.errors import Misconfigured, Unavailable
from cuelight.kit.settings import Settings
from cuelight.monitoring.alerts.channels import channels
from cuelight.operations import replicas

_PATIENCE_SECONDS = 180


@contextmanager
def everything(settings: Settings, console: Console) -> Iterator[Supervisor]:
    """The whole stack, ready; it is gone when the block ends, also by SIGTERM or Ctrl-C (which end it quietly).

    Raises:
        Misconfigured: callers could come in unasked, a port is taken, a setting of alerts is wrong, or a program does
            not come up (its log is named).
    """
    _ask_callers(settings)
    check_ports(settings)
    channels(settings)  # what is wrong with them is said now, not by a scheduler that does not come up
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with held(settings):
            groups = _groups(settings)
            with Supervisor(settings, groups).running() as supervisor:
                _wait_until_ready(settings, supervisor, list(chain(*groups.values())), console)
                yield supervisor
                console.print("Stopping ...")
    except KeyboardInterrupt:
        console.print("Stopped.")
        raise SystemExit(0) from None


def _ask_callers(settings: Settings) -> None:
    """Nobody gets in unasked from elsewhere; who is to be asked needs a key."""
    exposure.check(settings.serving_host, settings.access_required, "serving.host")
    if settings.gateway_port:
        exposure.check(settings.gateway_host, settings.access_required, "gateway.host")
    if not settings.registry_uri:
        exposure.check(settings.mlflow_host, settings.access_required, "mlflow.host")
    if settings.access_required and not settings.access_folder:  # else the keys are another installation's
        Keys(settings.keys_folder, settings.tokens_folder).prepare()


def _groups(settings: Settings) -> dict[str, list[Program]]:
    """What is run: together, and for each replica that there is from now on."""
    first = replicas.first(settings)
    members = replicas.change(settings, lambda known: fleet.begun(known, first, settings.serving_replicas))
    ours = {each.name: of_replica(each) for each in members if fleet.number(each)}
    return {SHARED: programs(settings), **ours}


def show_links(settings: Settings, console: Console) -> None:
    """Where to look."""
    url = public_url(settings)
    places = [
        ("MLflow: models, runs, reports", f"{mlflow_url(settings)}/"),
        ("What is served", f"{url}/models"),
        ("Scoring", f"POST {url}/models/NAME/invocations"),
        ("Metrics", f"{serving_url(settings)}/metrics"),
        ("Data and logs", str(settings.home.absolute())),
    ]
    if settings.gateway_port:
        if settings.board_port:
            places.insert(0, ("Board", f"{url}/"))
        places.insert(-1, ("Metrics of the gateway", f"http://127.0.0.1:{settings.gateway_admin_port}/metrics"))
    for what, where in places:
        console.print(f"  {what:<30} {where}", soft_wrap=True, highlight=False)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _wait_until_ready(settings: Settings, supervisor: Supervisor, stack: list[Program], console: Console) -> None:
    began = time.monotonic()
    waiting = [each for each in stack if each.name != "mlflow" or _has_database(settings, console)]
    with console.status("Starting ...") as status:
        while waiting:
            status.update(f"Starting {', '.join(each.name for each in waiting)} ...")
            states = supervisor.states()
            _check(settings, supervisor, states, time.monotonic() - began, waiting)
            for program in [each for each in waiting if _ready(each, states)]:
                waiting.remove(program)
                console.print(f"[green]✓[/green] {program.name} ready after {time.monotonic() - began:.1f} s")
            time.sleep(0.1)


def _has_database(settings: Settings, console: Console) -> bool:
    """Whether MLflow can get ready now; where its server is away, all else is started, and scoring goes on."""
    if not settings.database_url:
        return True
    from cuelight.operations.engine import Database  # SQLAlchemy: without a server nobody asks

    try:
        Database(settings.database_url, upgrade=False).revision()
    except Unavailable as error:
        console.print(f"[yellow]{error}[/yellow] MLflow and the scheduler wait for it.", soft_wrap=True)
        return False
    return True


def _ready(program: Program, states: dict[str, str]) -> bool:
    return states.get(program.name) == "RUNNING" if program.probe is None else program.probe()


def _check(
    settings: Settings, supervisor: Supervisor, states: dict[str, str], elapsed: float, waiting: list[Program]
) -> None:
    failed = [name for name, state in states.items() if state == "FATAL"]
    if not supervisor.alive:
        failed = ["supervisord"]
    if elapsed > _PATIENCE_SECONDS:
        failed = [each.name for each in waiting]
    if failed:
        path = log_file(settings, failed[0])
        tail = "\n".join(path.read_text(errors="replace").splitlines()[-10:]) if path.exists() else ""
        raise Misconfigured(f"{failed[0]} does not come up. Its log is {path}; it ends:\n{tail}")
