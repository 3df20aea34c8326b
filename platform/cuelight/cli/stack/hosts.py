"""The serving hosts that share the operations database, on this machine and elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable

from cuelight.cli import compose
from cuelight.cli.stack.standings import await_quiet
from cuelight.kit.errors import CuelightError, Misconfigured
from cuelight.kit.settings import Settings
from cuelight.operations import replicas
from cuelight.operations.host import Host

UNKNOWN = "The operations database does not say which other hosts there are."


def found(settings: Settings) -> tuple[Host, ...] | None:
    """All of them; none where there is but this one, and None while the database does not say."""
    if not settings.database_url and len(replicas.read(settings)) == 1:
        return ()
    try:
        return compose.operations(settings).hosts()
    except CuelightError:
        return None


def drain(settings: Settings, name: str, draining: bool, say: Callable[[str], None]) -> None:
    """Have gateways send a host nothing new, and wait until this one has nothing left with it; or have it back.

    Raises:
        Misconfigured: nobody would be left to serve.
        Unavailable: the database can't be written, or the host still has requests after the longest that one may take.
    """
    operations = compose.operations(settings)
    silent = settings.hosts_silent_seconds
    fit = {each.name for each in operations.hosts() if each.age <= silent and not each.draining}
    if draining and not fit - {name}:
        raise Misconfigured(f"{name} is the last host that takes requests: have another one join first.")
    operations.drain_host(name, draining)
    if not draining:
        say(f"{name} takes requests again, once it is ready.")
        return
    time.sleep(settings.hosts_heartbeat_seconds)  # by then the gateway has looked
    await_quiet(settings, name)
    say(f"{name} is drained. It runs elsewhere, and was not stopped.")
