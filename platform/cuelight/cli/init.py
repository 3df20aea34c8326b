"""`cuelight init`: a folder to start from."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", required=False, default=".", type=click.Path(file_okay=False, path_type=Path))
def command(folder: Path) -> None:
    """Write settings, a pipeline that trains as it is, and its data into FOLDER (by default this one)."""
    from cuelight.pipelines.scaffold import scaffold

    for path in scaffold(folder):
        click.echo(f"wrote {path}")
    where = "" if folder == Path() else f"cd {folder} && "
    click.echo(f"Next: {where}cuelight up, and in another terminal: {where}cuelight train diabetes")
