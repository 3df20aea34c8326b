"""`cuelight restore`: an installation from what `cuelight backup` wrote."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cuelight.cli import compose, exit_codes, output

if TYPE_CHECKING:
    from cuelight.cli.archives.objects import Check
    from cuelight.kit.settings import Settings


_DRAFT = ".restoring"
_NOTHING = (_DRAFT, "lost+found")  # may be in an empty home: of a restore that was killed, of a new file system


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@output.json_option
def command(file: Path, as_json: bool) -> None:
    """Make an installation from FILE, in a home folder that is empty or not there, and a database without tables.

    Nothing is written before all of FILE was held against its digests. It may be another database than before: that
    is how to move from SQLite to PostgreSQL, and back.

    Exits with 0, or with 10 where artifacts are missing from the object store that they were left in.

    Example: cuelight restore /var/backups/cuelight-2026-11-23.tar.zst
    """
    from cuelight.cli.archives import archive, databases
    from cuelight.kit.errors import Misconfigured

    settings = compose.settings()
    if settings.home.exists() and any(each.name not in _NOTHING for each in settings.home.iterdir()):
        raise Misconfigured(f"{settings.home} is not empty: name another home by CUELIGHT_HOME, or put it aside.")
    with output.busy(f"Looking through {file}"):
        manifest = archive.verified(file)
        for name, known in manifest["databases"].items():
            databases.check(name, known["revision"])
        wanted = [each for each in databases.addresses(settings) if each.name in manifest["databases"]]
        for address in wanted:
            databases.must_be_empty(address)
    with output.busy(f"Restoring {settings.home}"):
        strangers = _restore(file, settings, manifest)
    found = _artifacts(file, settings, manifest)
    left = sorted(manifest["databases"].keys() - {each.name for each in wanted})
    if as_json:
        said = {"made": manifest["made"], "left_out": left, "tables_left_out": strangers}
        click.echo(json.dumps({"home": str(settings.home), **said, "artifacts": found and asdict(found)}))
    else:
        _show(settings, manifest, left, found)
        if strangers:
            click.echo(f"Left out, since these tables are nobody's here: {', '.join(strangers)}.")
    if found and not found.well:
        sys.exit(exit_codes.FAULTY)


def _show(settings: Settings, manifest: dict[str, Any], left: list[str], found: Check | None) -> None:
    click.echo(f"{settings.home} is as it was on {manifest['made'][:19].replace('T', ' ')} (UTC). Start: cuelight up")
    if left:
        click.echo(f"Left out, since registry.uri names another MLflow: {', '.join(left)}.")
    if not manifest["keys"]:
        click.echo("It has no keys: put those from elsewhere into its folder `keys` before you start.")
    for line in found.sentences() if found else ():
        click.echo(line)
    for line in _archives(settings):
        click.echo(line)
    if found and not settings.mlflow_artifacts:
        click.echo(f"Before you start, set mlflow.artifacts (CUELIGHT_MLFLOW_ARTIFACTS) to {found.uri}.")
    if settings.mlflow_artifacts and not (found or settings.registry_uri):
        folder = settings.home / "mlflow" / "artifacts"
        click.echo(f"Artifacts are in {folder}: copy what is in it to {settings.mlflow_artifacts} before you start.")


def _archives(settings: Settings) -> Iterator[str]:
    """Where files are whose content is not in the home, and what a compactor would do to them, as sentences."""
    from cuelight.journal import retention, stubs

    days = settings.journal_retention_days
    oldest = retention.oldest(time.time(), days)
    for store, known in sorted(stubs.stores(settings.journal_folder).items()):
        yield (
            f"Days of its journal are in the archive {store}, as it is now, and not in the backup. What came there "
            "since: cuelight journal adopt"
        )
        if expired := sum(each.day < oldest for each in known):
            yield (
                f"{expired:,} files there are past journal.retention_days, which is {days:g} here: the compactor "
                "deletes them there. Set it as it was before you start."
            )


def _artifacts(file: Path, settings: Settings, manifest: dict[str, Any]) -> Check | None:
    """How the object store stands to the backup; None where artifacts were in the home, or are not ours."""
    from cuelight.cli.archives import objects

    before = str(manifest.get("artifacts", ""))
    if settings.registry_uri or not before:
        return None
    with output.busy("Looking for artifacts"):
        return objects.check(file, settings.mlflow_artifacts or before)


def _restore(file: Path, settings: Settings, manifest: dict[str, Any]) -> list[str]:
    """All of it beside its place, and then there; what was begun is gone if it fails. Tables that were left out."""
    from cuelight.cli.archives import archive, databases

    home = settings.home.absolute()
    home.parent.mkdir(parents=True, exist_ok=True)
    # A home that is there may be a volume, or in a folder of others: it stays, and is filled.
    draft = home / _DRAFT if home.exists() else home.with_name(f".{home.name}{_DRAFT}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    strangers = []
    try:
        archive.extract(file, "home/", draft)
        archive.extract(file, "settings/", draft / "restored-settings")
        with ExitStack() as stack:  # no tables without all tables
            for address in databases.addresses(replace(settings, home=draft)):
                if known := manifest["databases"].get(address.name):
                    tables = archive.content(file, f"tables/{address.name}/")
                    rows = ((name, iter(stream)) for name, stream in tables)
                    left = stack.enter_context(databases.filled(address, known["revision"], rows))
                    strangers += [f"{address.name}.{each}" for each in left]
        _arrive(draft, home)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return strangers


def _arrive(draft: Path, home: Path) -> None:
    if draft.parent == home:
        for each in draft.iterdir():
            each.rename(home / each.name)
        draft.rmdir()
    else:
        draft.rename(home)
