"""`cuelight drain`: take one serving replica, or a host elsewhere, out of traffic; or have it back."""

from __future__ import annotations

import json
import time
from functools import partial

import click

from cuelight.cli import completion, compose, known, output
from cuelight.kit.errors import Unavailable
from cuelight.kit.settings import Settings

_PROBES = 3  # two in a row take a host out, and the first comes up to one later


@click.command()
@click.argument("replica", required=False, shell_complete=completion.replicas)
@click.option("--undo", is_flag=True, help="Have it back: start it, and send it requests once it is ready.")
@click.option("--here", is_flag=True, help="The scoring server of this home, which something else will stop then.")
@output.json_option
def command(replica: str | None, undo: bool, here: bool, as_json: bool) -> None:
    """Send REPLICA no new requests, wait until those that it has are answered, and stop its programs.

    A host on another machine, by its name in `cuelight status`, is not stopped. With --here the server itself says
    that it is not ready, until it is started again: whoever stops it does so once gateways have seen that.

    Example: cuelight drain replica-2
    """
    if here == bool(replica) or (here and (undo or as_json)):
        raise click.UsageError("Name a replica, or give --here alone.")
    if replica is None:
        _leave(compose.replica_settings())
        return
    from cuelight.cli.stack import hosts
    from cuelight.cli.stack.crew import Crew, document

    settings, say = compose.settings(), partial(click.echo, err=as_json)
    own, company = known.replicas(settings), hosts.found(settings)
    if company is None and replica not in own:
        raise Unavailable(f"{hosts.UNKNOWN} Try again.")
    if replica in {each.name for each in company or () if each.address} - {*own}:
        hosts.drain(settings, replica, not undo, say)
        if as_json:
            click.echo(json.dumps({"host": replica, "draining": not undo}))
        return
    crew = Crew(settings, say)
    with crew.alone():
        if undo:
            crew.bring_back(replica)
        else:
            crew.drain(replica)
    if as_json:
        click.echo(document(settings))


def _leave(settings: Settings) -> None:
    """Have `/readyz` say no, and wait until gateways have heard it."""
    from cuelight.serving.host.places import Places

    leaving = Places(settings.serving_folder).leaving
    try:
        leaving.touch()
    except FileNotFoundError as error:
        raise Unavailable(f"No scoring server runs in {settings.home}.") from error
    time.sleep(_PROBES * settings.gateway_health_seconds)
    click.echo("Gateways have seen that this host is about to be stopped.")
