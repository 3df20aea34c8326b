"""`cuelight token`: who may do what, and until when."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from cuelight.cli import compose, output
from cuelight.kit.clock import parse_span, utc
from cuelight.kit.errors import BadInput

if TYPE_CHECKING:
    from cuelight.cli.token_office import Office
    from cuelight.operations.tokens import IssuedToken

_ID = 32  # characters; whoever revokes a token needs all of them


@click.group()
def command() -> None:
    """Make tokens by which callers are known, list them, revoke them.

    Example: cuelight token list
    """


@command.command()
@click.option("--subject", required=True, help="Whose it is: a service or a person, as the journal names callers.")
@click.option("--scope", "scopes", multiple=True, required=True, help="score, feedback, metrics or admin.")
@click.option("--models", multiple=True, required=True, help="Names with commas between them, or * for every model.")
@click.option("--expires", default="30d", show_default=True, help="After how long it ends: 30m, 12h, 90d.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: the token, and what was written down of it.")
def create(subject: str, scopes: Sequence[str], models: Sequence[str], expires: str, as_json: bool) -> None:
    """Make a token and print it; it is kept nowhere, so it can't be shown again.

    Example: cuelight token create --subject shop --scope score --models wine
    """
    from cuelight.access.permissions import Grant

    seconds = parse_span(expires)
    if not seconds:
        raise BadInput(f"--expires takes a time such as 30m, 12h or 90d, not {expires!r}.")
    text, issued = _office().issue(subject, Grant.read(scopes, models), seconds, time.time())
    if as_json:
        click.echo(json.dumps({"token": text, **asdict(issued)}))
        return
    click.echo(text)
    click.echo(f"Token {issued.id} of {subject} ends {utc(issued.expires)} (UTC).", err=True)


@command.command("list")
@click.option("--all", "every", is_flag=True, help="Also those that have expired or were revoked.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def show(every: bool, as_json: bool) -> None:
    """Show which tokens were made, for whom, and whether they are valid.

    Example: cuelight token list --all
    """
    now = time.time()
    found = [each for each in compose.operations(compose.settings()).tokens() if every or each.is_valid(now)]
    if as_json:
        for each in found:
            click.echo(json.dumps({**asdict(each), "state": _state(each, now)}))
        return
    _show(found, now)


@command.command()
@click.argument("tokens", nargs=-1, metavar="ID...")
@click.option("--subject", help="All tokens of this subject.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: the ids of those that were revoked.")
def revoke(tokens: Sequence[str], subject: str | None, as_json: bool) -> None:
    """Revoke tokens by their ids (`cuelight token list`): within a second they are refused everywhere.

    Example: cuelight token revoke --subject shop
    """
    if not tokens and not subject:
        raise click.UsageError("Name tokens by their ids, or --subject.")
    revoked = _office().revoke(tokens, subject, time.time())
    if as_json:
        click.echo(json.dumps({"revoked": revoked}))
    else:
        click.echo(f"Revoked: {', '.join(revoked) or 'none, all of them were before'}.")


@command.command()
@click.option("--forget", is_flag=True, help="Forget every key before: all tokens made until now are refused.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: the ids of all keys, the one that signs last.")
def rotate(forget: bool, as_json: bool) -> None:
    """Sign by a new key from now on; tokens that the ones before have signed stay valid.

    Example: cuelight token rotate
    """
    with output.busy("Waiting until every verifier knows the new key"):
        keys = _office().rotate(forget, time.time())
    click.echo(json.dumps({"keys": keys}) if as_json else f"Key {keys[-1]} signs; keys that count: {', '.join(keys)}.")


@command.command()
@output.json_option
def publish(as_json: bool) -> None:
    """Write key set and revocations anew, from the key and the operations database: for a machine that lost them.

    Example: cuelight token publish
    """
    folder = _office().publish(time.time())
    click.echo(json.dumps({"folder": str(folder)}) if as_json else f"Written to {folder}.")


def _office() -> Office:
    from cuelight.cli.token_office import Office

    settings = compose.settings()
    return Office(settings, compose.operations(settings))


def _state(token: IssuedToken, now: float) -> str:
    if token.revoked is not None:
        return "revoked"
    return "valid" if token.is_valid(now) else "expired"


def _show(found: Sequence[IssuedToken], now: float) -> None:
    from rich.table import Table
    from rich.text import Text

    columns: dict[str, Callable[[IssuedToken], str]] = {
        "Id": lambda each: each.id,
        "Subject": lambda each: each.subject,
        "Scopes": lambda each: ", ".join(each.scopes),
        "Models": lambda each: ", ".join(each.models),
        "Issued (UTC)": lambda each: utc(each.issued),
        "Ends (UTC)": lambda each: utc(each.expires),
        "State": lambda each: _state(each, now),
    }
    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, no_wrap=name == "Id", min_width=_ID if name == "Id" else None)
    for each in found:
        table.add_row(*(Text(cell(each)) for cell in columns.values()))
    if found:
        output.show(table)
    else:
        click.echo("There is no token. `cuelight token create` makes one.")
