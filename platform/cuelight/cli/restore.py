"""`cuelight restore`: an installation from what `cuelight backup` wrote."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cuelight.cli import compose, output

if TYPE_CHECKING:
    from cuelight.cli.archives.databases import Address
    from cuelight.kit.settings import Settings


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@output.json_option
def command(file: Path, as_json: bool) -> None:
    """Make an installation from FILE, in a home folder that is empty or not there, and a database without tables.

    Nothing is written before all of FILE was held against its digests. It may be another database than before: that
    is how to move from SQLite to PostgreSQL, and back.

    Example: cuelight restore /var/backups/cuelight-2026-11-23.tar.zst
    """
    from cuelight.cli.archives import archive, databases
    from cuelight.kit.errors import Misconfigured

    settings = compose.settings()
    if settings.home.exists() and any(settings.home.iterdir()):
        raise Misconfigured(f"{settings.home} is not empty: name another home by CUELIGHT_HOME, or put it aside.")
    with output.busy(f"Looking through {file}"):
        manifest = archive.verified(file)
        for name, known in manifest["databases"].items():
            databases.check(name, known["revision"])
        wanted = [each for each in databases.addresses(settings) if each.name in manifest["databases"]]
        for address in wanted:
            databases.must_be_empty(address)
    with output.busy(f"Restoring {settings.home}"):
        _restore(file, settings, manifest)
    left = sorted(manifest["databases"].keys() - {each.name for each in wanted})
    if as_json:
        click.echo(json.dumps({"home": str(settings.home), "made": manifest["made"], "left_out": left}))
        return
    click.echo(f"{settings.home} is as it was on {manifest['made'][:19].replace('T', ' ')} (UTC). Start: cuelight up")
    if left:
        click.echo(f"Left out, since registry.uri names another MLflow: {', '.join(left)}.")
    if not manifest["keys"]:
        click.echo("It has no keys: put those from elsewhere into its folder `keys` before you start.")


def _restore(file: Path, settings: Settings, manifest: dict[str, Any]) -> None:
    """All of it beside its place, and then there; what was begun is gone if it fails."""
    from cuelight.cli.archives import archive, databases

    home = settings.home.absolute()
    home.parent.mkdir(parents=True, exist_ok=True)
    draft = home.with_name(f".{home.name}.restoring")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    try:
        archive.extract(file, "home/", draft)
        archive.extract(file, "settings/", draft / "restored-settings")
        for address in databases.addresses(replace(settings, home=draft)):
            if known := manifest["databases"].get(address.name):
                _load(file, address, known["revision"])
        if home.exists():
            home.rmdir()
        draft.rename(home)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _load(file: Path, address: Address, revision: str) -> None:
    from cuelight.cli.archives import archive, databases

    tables = archive.content(file, f"tables/{address.name}/")
    databases.load(address, revision, ((name, iter(stream)) for name, stream in tables))
