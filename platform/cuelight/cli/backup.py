"""`cuelight backup`: what can't be made again, in one file, while everything runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cuelight.cli import compose, output

if TYPE_CHECKING:
    from cuelight.kit.settings import Settings


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--without-keys", is_flag=True, help="Leave the signing keys out: keep them elsewhere.")
@output.json_option
def command(file: Path, without_keys: bool, as_json: bool) -> None:
    """Write FILE: both databases, models and runs, journal, keys, and the settings of this folder.

    Everything may run on meanwhile. The file is for its owner alone, and as secret as the keys in it.

    Example: cuelight backup /var/backups/cuelight-2026-11-23.tar.zst
    """
    from cuelight.cli.archives import archive, databases, home, objects
    from cuelight.journal import stubs
    from cuelight.kit.errors import BadInput, Misconfigured

    settings = compose.settings()
    if not settings.home.is_dir():
        raise Misconfigured(f"There is nothing at {settings.home}: name the installation by CUELIGHT_HOME.")
    if file.exists():
        raise BadInput(f"{file} is there already: name another file.")
    known = {}
    with (
        output.busy(f"Writing {file}"),
        home.scratch(settings.home) as scratch,
        archive.written(file) as writer,
    ):
        for address in databases.addresses(settings):
            if address.file and not address.file.exists():
                continue
            with databases.reading(address, scratch) as connection:
                if not (revision := databases.revision(connection)):
                    continue
                known[address.name] = {"revision": revision, "kind": connection.dialect.name}
                for table in databases.tables(connection):
                    writer.add_lines(f"tables/{address.name}/{table.name}", databases.lines(connection, table))
        artifacts = "" if settings.registry_uri else settings.mlflow_artifacts
        writer.add_lines(objects.MEMBER, objects.lines(artifacts) if artifacts else ())
        home.add_files(writer, settings, scratch, keys=not without_keys)
        versions = {name: version(name) for name in ("cuelight", "mlflow")}
        what = {"databases": known, "keys": not without_keys, "artifacts": artifacts}
        writer.describe(made=datetime.now(UTC).isoformat(), **versions, **what)
    size = file.stat().st_size
    archives = sorted(stubs.stores(settings.journal_folder))
    if as_json:
        said = {"bytes": size, "databases": known, "artifacts": artifacts, "archives": archives}
        click.echo(json.dumps({"file": str(file), **said}))
        return
    click.echo(f"{file}: {size:,} bytes, with {' and '.join(known) or 'no'} databases.")
    for line in _elsewhere(settings, artifacts, archives):
        click.echo(line)


def _elsewhere(settings: Settings, artifacts: str, archives: Iterable[str]) -> Iterator[str]:
    """What is not in the file, as sentences."""
    if artifacts:
        yield f"Artifacts stay where they are, in {artifacts}: it has a list of them. Keep that bucket safe as well."
    for store in archives:
        yield f"Archived days of the journal stay where they are, in {store}: it has a list of them."
    if settings.registry_uri:
        yield f"Models and runs are not in it: back up the MLflow at {settings.registry_uri} as well."
