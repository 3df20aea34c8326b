"""`cuelight journal`: what is done to the journal itself."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict

import click

from cuelight.cli import completion, output

_WAIT_SECONDS = 30.0  # beyond the age at which a segment is closed


@click.group()
def command() -> None:
    """The journal itself.

    Example: cuelight journal erase churn --key customer=4711
    """


@command.command()
@click.argument("name", shell_complete=completion.models)
@click.option(
    "--key", "keys", multiple=True, required=True, metavar="COLUMN=VALUE", help="Whose: all keys that are given hold."
)
@click.option("--dry-run", is_flag=True, help="Only count.")
@output.json_option
def erase(name: str, keys: Iterable[str], dry_run: bool, as_json: bool) -> None:
    """Take somebody's rows, requests and labels out of the journal of model NAME.

    Example: cuelight journal erase churn --key customer=4711 --dry-run
    """
    from cuelight.cli import compose
    from cuelight.journal.erasure import erase as erase_from
    from cuelight.journal.layout import DAMAGED
    from cuelight.kit import secret
    from cuelight.kit.identity import user
    from cuelight.operations.kinds import Kind
    from cuelight.protocol.redaction import HASH, Redactor, candidates

    given = [_key(each) for each in keys]
    settings = compose.settings()
    redactor = Redactor(HASH, secret.load_or_create(settings.keys_folder))
    who = {column: candidates(value) for column, value in given}
    who = {column: texts | {redactor.hashed(column, each) for each in texts} for column, texts in who.items()}
    patience = settings.journal_segment_seconds + _WAIT_SECONDS
    with output.progress(f"Looking through the journal of {name}") as tell:
        found = erase_from(compose.compactor(settings), settings.journal_folder, name, who, dry_run, patience, tell)
    if not dry_run:
        detail = {"columns": sorted(who), **asdict(found), "by": user()}
        compose.operations(settings).record(Kind.ERASED, name, None, detail)
    if as_json:
        click.echo(json.dumps({"model": name, "dry_run": dry_run, **asdict(found)}))
        return
    emptied = f", and the bodies of {found.emptied} more requests" if found.emptied else ""
    emptied += f", and the bytes of {found.damaged} damaged records" if found.damaged else ""
    what = f"{found.rows} rows, {found.requests} requests, {found.labels} labels{emptied}"
    click.echo(f"{'It would erase' if dry_run else 'Erased'} {what}.")
    if found.unread:
        click.echo(
            f"{found.unread} damaged records can't be read, and do not have this as text: to be sure, delete "
            f"{settings.journal_folder / DAMAGED}."
        )


def _key(text: str) -> tuple[str, str]:
    column, sign, value = text.partition("=")
    if not (column and sign and value):
        raise click.UsageError(f"--key {text!r} is not of the form COLUMN=VALUE.")
    return column, value
