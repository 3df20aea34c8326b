"""`cuelight rollback`: back to the Production version before."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import click

from cuelight.cli import completion, compose, known, output
from cuelight.cli.stack import fleet
from cuelight.kit.errors import NotFound, Refused, RegistryUnavailable, Unavailable
from cuelight.kit.settings import FIRST_REPLICA, Settings
from cuelight.operations import replicas
from cuelight.operations.succession import present_and_before
from cuelight.registry.rollback import put_back

if TYPE_CHECKING:
    from cuelight.serving.host.orders import Answer, Order, Orders

_PATIENCE_SECONDS = 10.0


@click.command()
@click.argument("name", shell_complete=completion.models)
@click.option("--yes", is_flag=True, help="Don't ask.")
@output.json_option
def command(name: str, yes: bool, as_json: bool) -> None:
    """Put the version that was in Production before back there; also while MLflow is down, which is told later.

    Example: cuelight rollback churn
    """
    settings = compose.settings()
    before, last = _versions(settings, name)
    if not yes:
        back = f"version {before} of {name}" if before else f"the version of {name} that this host served before"
        click.confirm(
            f"Put {back} back into Production, in place of {last or 'the present one'}?", abort=True, err=as_json
        )
    told = before is not None and _tell_registry(settings, name, before)
    if told:
        says = f"Version {before} of {name} is in Production again; {last} is archived."
    else:
        says = f"{_order(settings, name, before, last)} MLflow is told once it answers."
    result = {"model": name, "version": before, "before": last, "registry_told": told, "says": says}
    click.echo(json.dumps(result) if as_json else says)


def _versions(settings: Settings, name: str) -> tuple[int | None, int | None]:
    """The version before, and the present one, by the history; None where that can't be read.

    Raises:
        NotFound: there is none before.
    """
    try:
        last, before = present_and_before(compose.operations(settings), name)
    except NotFound as error:
        raise NotFound(f"{error}{known.hint(settings, name)}") from None
    except Unavailable as error:  # the follower knows by itself what it served before
        click.echo(f"cuelight: {error}", err=True)
        return None, None
    return before, last


def _tell_registry(settings: Settings, name: str, before: int) -> bool:
    try:
        put_back(compose.registry(settings), name, before, settings.track_production)
    except RegistryUnavailable as error:
        click.echo(f"cuelight: {error}", err=True)
        return False
    return True


def _order(settings: Settings, name: str, before: int | None, last: int | None) -> str:
    """Have it done by the followers, which need neither registry nor history; what the first of them says.

    Raises:
        Refused: it can't.
        Unavailable: it has not answered; the order waits.
    """
    from cuelight.kit.identity import user
    from cuelight.serving.host.orders import Orders
    from cuelight.serving.host.places import Places

    desks = [Orders(Places(settings.serving_folder_of(each)).orders) for each in _at_work(settings)]
    left = [(orders, orders.leave(name, before, last, by=user())) for orders in desks]
    deadline = time.monotonic() + _PATIENCE_SECONDS
    answers = [_answer(orders, order, deadline) for orders, order in left]
    for answer in answers:
        if not answer.done:
            raise Refused(answer.says)
    return answers[0].says


def _at_work(settings: Settings) -> list[str]:
    """The replicas of this machine that have a follower."""
    members = [each for each in replicas.read(settings) if fleet.number(each)]
    return [each.name for each in members if not each.draining] or [FIRST_REPLICA]


def _answer(orders: Orders, order: Order, deadline: float) -> Answer:
    while (answer := orders.answer(order)) is None:
        if time.monotonic() > deadline:
            raise Unavailable(
                "The follower has not carried it out yet (does `cuelight up` run?). The order waits, and is taken up "
                "when it can be."
            )
        time.sleep(0.05)
    return answer
