"""`cuelight init`: a folder to start from."""

from __future__ import annotations

import json
from pathlib import Path

import click

from cuelight.cli import output


@click.command()
@click.argument("folder", required=False, default=".", type=click.Path(file_okay=False, path_type=Path))
@output.json_option
def command(folder: Path, as_json: bool) -> None:
    """Write settings, a pipeline that trains as it is, and its data into FOLDER (by default this one).

    Example: cuelight init models
    """
    from cuelight.pipelines.scaffold import scaffold

    written = list(scaffold(folder))
    if as_json:
        click.echo(json.dumps({"written": [str(each) for each in written]}))
        return
    for path in written:
        click.echo(f"wrote {path}")
    where = "" if folder == Path() else f"cd {folder} && "
    click.echo(f"Next: {where}cuelight up, and in another terminal: {where}cuelight train diabetes")
