"""`cuelight trust`: sign a version that came from elsewhere, so that it is served."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click

from cuelight.cli import completion, compose, output


@click.command()
@click.argument("name", shell_complete=completion.models)
@click.argument("version", type=int, shell_complete=completion.versions)
@click.option("--yes", is_flag=True, help="Don't ask.")
@output.json_option
def command(name: str, version: int, yes: bool, as_json: bool) -> None:
    """Sign the files of VERSION of model NAME by this installation's key.

    A signed version is loaded whatever it is: pickles and code run with the server's rights. Know where it is from.

    Example: cuelight trust churn 3
    """
    from cuelight.kit.signing import SigningKey
    from cuelight.registry.manifest import Manifest

    settings = compose.settings()
    registry = compose.registry(settings)
    chosen = registry.snapshot().find(name, version)
    with tempfile.TemporaryDirectory(prefix="cuelight-trust-") as folder:
        with output.busy(f"Fetching version {version} of {name}"):
            registry.fetch(chosen, Path(folder))
        manifest = Manifest.of_folder(Path(folder), name, chosen.run_id)
        sizes = {path: (Path(folder) / path).stat().st_size for path in manifest.files}
    for path, digest in manifest.files.items():
        click.echo(f"{digest[:16]}  {sizes[path]:>12,}  {path}", err=as_json)
    click.echo(f"{len(sizes)} files from {chosen.source}, digest {manifest.digest}", err=as_json)
    if not yes:
        click.confirm(
            f"Sign version {version} of {name}, so that it may be loaded and run here?", abort=True, err=as_json
        )
    key = SigningKey.load_or_create(settings.keys_folder)
    signed = manifest.signed(key)
    registry.set_version_tags(name, version, signed)
    if as_json:
        signature = {"digest": manifest.digest, "key": key.id, "files": dict(manifest.files)}
        click.echo(json.dumps({"model": name, "version": version, **signature}))
    else:
        click.echo(f"Version {version} of {name} is signed by key {key.id}.")
