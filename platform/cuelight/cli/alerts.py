"""`cuelight alerts`: what people were told of, and whether it got to them."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from cuelight.cli import exit_codes, output

if TYPE_CHECKING:
    from cuelight.operations.alerts import Alert, Delivery


@click.group(invoke_without_command=True)
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="The newest so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def command(context: click.Context, limit: int, as_json: bool) -> None:
    """Show which alerts were sent, where to and when; and what waits, and why.

    Example: cuelight alerts
    """
    if context.invoked_subcommand:
        return
    from cuelight.cli import compose

    deliveries = compose.operations(compose.settings()).deliveries(limit)
    if as_json:
        for each in deliveries:
            click.echo(json.dumps(asdict(each)))
    else:
        _show(deliveries)


@command.command()
@output.json_option
def test(as_json: bool) -> None:
    """Send an alert that says that it is a test, to every receiver, now; exit code 1 if one does not take it.

    Example: cuelight alerts test
    """
    from cuelight.cli import compose
    from cuelight.monitoring.alerts.channels import channels

    found = [each for each in channels(compose.settings()) if each.target]
    if not found and not as_json:
        click.echo("Neither alerts.webhook nor alerts.email_to is set: alerts go to the scheduler's log alone.")
    alert, missed = example(time.time()), 0
    for channel in found:
        answer = channel.send(alert)
        missed += not answer.delivered
        if as_json:
            click.echo(json.dumps({"channel": channel.name, "target": channel.target, **asdict(answer)}))
            continue
        state = "taken" if answer.delivered else "not taken"
        click.echo(f"{channel.name} ({channel.target}): {state}{f', {answer.text}' if answer.text else ''}")
    raise SystemExit(exit_codes.FAILED if missed else exit_codes.WELL)


@command.command()
@output.json_option
def send(as_json: bool) -> None:
    """Send what is to be told by now, at most ten alerts to each receiver, and end: for hosts without a scheduler.

    Ends with 1 if a receiver does not take one; it waits for the next time.

    Example: cuelight alerts send
    """
    from cuelight.cli import compose

    settings = compose.settings()
    says = compose.dispatcher(settings).tick()
    waiting = [each for each in compose.operations(settings).deliveries() if each.state == "waiting" and each.tries]
    click.echo(json.dumps({"says": says, "waiting": [asdict(each) for each in waiting]}) if as_json else says)
    raise SystemExit(exit_codes.FAILED if waiting else exit_codes.WELL)


def example(now: float) -> Alert:
    """An alert without a trouble."""
    from cuelight.kit.identity import new_id
    from cuelight.operations.alerts import Alert, Severity

    text = "Nothing is wrong: somebody ran `cuelight alerts test` to see whether this gets through."
    return Alert(new_id(), "test", now, Severity.INFO, "Test of Cuelight's alerts", text, model="", version=None)


def _show(deliveries: list[Delivery]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("Happened (UTC)", "Alert", "To", "State", "Tries", "Last (UTC)", "Answer", box=None, pad_edge=False)
    for each in deliveries:
        to = f"{each.channel} ({each.target})" if each.target else each.channel
        tried = _moment(each.tried_at) if each.tried_at else ""
        answer = each.answer if each.tries or each.state != "waiting" else "its turn has not come"
        cells = (_moment(each.alert.at), each.alert.title, to, each.state, str(each.tries), tried, answer)
        table.add_row(*(Text(cell) for cell in cells))
    if deliveries:
        output.show(table)
    else:
        click.echo("There was nothing to tell yet.")


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
