"""`cuelight score`: one scoring request from the command line."""

from __future__ import annotations

from pathlib import Path

import click

from cuelight.cli import completion, compose, known
from cuelight.cli.credentials import credentials
from cuelight.client.address import serving_url
from cuelight.client.caller import Caller
from cuelight.client.naming import Name
from cuelight.kit.errors import BadInput, NotFound

_SECONDS = 60.0
_TYPES = {".csv": "text/csv", ".json": "application/json"}


@click.command()
@click.argument("name", shell_complete=completion.models)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--stage", type=click.Choice(["Production", "Staging"]), default="Production", show_default=True)
def command(name: str, file: Path, stage: str) -> None:
    """Score FILE (JSON in MLflow's scoring protocol, or CSV) by model NAME, and print the answer.

    Example: cuelight score linear rows.csv --stage Staging
    """
    kind = _TYPES.get(file.suffix.lower())
    if kind is None:
        raise BadInput(f"{file}: the name must end in .json or .csv.")
    settings = compose.settings()
    caller = Caller(serving_url(settings), credentials(settings))
    try:
        answer = caller.post(Name(name, "stages", stage).scoring, file.read_bytes(), kind, _SECONDS)
    except NotFound as fault:
        raise NotFound(f"{fault}{known.hint(settings, name)}") from fault
    click.echo(answer.data.decode())
