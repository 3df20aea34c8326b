"""`cuelight journal`: what is done to the journal itself."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import click

from cuelight.cli import completion, exit_codes, output
from cuelight.kit.errors import CuelightError, Misconfigured

if TYPE_CHECKING:
    from cuelight.kit.settings import Settings

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
    unsearched = _unsearched(settings, name)
    patience = settings.journal_segment_seconds + _WAIT_SECONDS
    with output.progress(f"Looking through the journal of {name}") as tell:
        found = erase_from(compose.compactor(settings), settings.journal_folder, name, who, dry_run, patience, tell)
    if not dry_run:
        detail = {"columns": sorted(who), **asdict(found), "unsearched": len(unsearched), "by": user()}
        compose.operations(settings).record(Kind.ERASED, name, None, detail)
    if as_json:
        click.echo(json.dumps({"model": name, "dry_run": dry_run, **asdict(found), "unsearched": unsearched}))
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
    if unsearched:
        click.echo(
            f"{len(unsearched)} objects of {name} in the archive are not known here, and were not searched, such as "
            f"{unsearched[0]}. Have them known (`cuelight journal adopt`) and erase again, or delete them there."
        )


def _key(text: str) -> tuple[str, str]:
    column, sign, value = text.partition("=")
    if not (column and sign and value):
        raise click.UsageError(f"--key {text!r} is not of the form COLUMN=VALUE.")
    return column, value


def _unsearched(settings: Settings, name: str) -> list[str]:
    """What the archive has of a model, and nothing here names."""
    if not settings.journal_archive:
        return []
    from cuelight.journal.adoption import survey

    return [each.stub.key for each in survey(settings.journal_folder, settings.journal_archive, name).unknown]


@command.command()
@click.option(
    "--host", "hosts", multiple=True, metavar="NAME", help="Whose records too, beside this host's; * stands for any."
)
@click.option("--prove", is_flag=True, help="Read all of each object, and hold it against its digest.")
@click.option("--dry-run", is_flag=True, help="Only look.")
@output.json_option
def adopt(hosts: Sequence[str], prove: bool, dry_run: bool, as_json: bool) -> None:
    """Have the days in the journal's archive read again after its disk was lost.

    What is here stays as it is. It can be asked at any time, whether `cuelight up` runs or not, and again.

    Exits with 0, or with 10 where objects were passed by that somebody should look at.

    Example: cuelight journal adopt --dry-run
    """
    from cuelight.cli import compose
    from cuelight.cli.stack import fleet
    from cuelight.cli.views import adoption as view
    from cuelight.journal import layout, retention
    from cuelight.journal.adoption import Adopter

    settings = compose.settings()
    if not (store := settings.journal_archive):
        raise Misconfigured("There is no archive: name it by journal.archive (CUELIGHT_JOURNAL_ARCHIVE).")
    own = fleet.hosts(settings) | layout.hosts(settings.journal_folder)
    oldest = retention.oldest(time.time(), settings.journal_retention_days)
    with output.progress(f"Looking through {store}") as tell:
        found = Adopter(
            settings.journal_folder,
            store,
            lambda host: host in own or any(fnmatchcase(host, each) for each in hosts),
            oldest,
            settings.journal_retention_bytes,
            prove,
            dry_run,
            tell=tell,
        ).run()
    again = _unfinished(settings)
    if as_json:
        said = {"archive": store, "dry_run": dry_run, **view.document(found), "erase_again": again}
        click.echo(output.to_json(said))
    else:
        for line in view.sentences(found, store, oldest, again, dry_run):
            click.echo(line)
    if not found.well:
        sys.exit(exit_codes.FAULTY)


def _unfinished(settings: Settings) -> list[dict[str, Any]]:
    """Erasures that did not reach all that the archive had then: model, moment, and columns."""
    from cuelight.cli import compose
    from cuelight.operations.kinds import Kind

    try:
        lines = compose.operations(settings).history(kinds=[Kind.ERASED])
    except CuelightError as error:
        click.echo(f"The history can't be read, so whether to erase somebody again is not known: {error}", err=True)
        return []
    found = [each for each in lines if each.detail.get("unsearched")]
    return [{"model": each.model, "at": each.at, "columns": each.detail["columns"]} for each in found]
