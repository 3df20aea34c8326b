"""`cuelight score`: one scoring request from the command line."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import click
import urllib3

from cuelight.cli import completion, compose, known
from cuelight.cli.credentials import credentials
from cuelight.cli.stack import serving_url
from cuelight.kit.errors import BadInput, Unavailable

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
    url = f"{serving_url(settings)}/models/{quote(name, safe='')}/stages/{stage}/invocations"
    headers = {"Content-Type": kind, **credentials(settings)}
    try:
        answer = urllib3.request("POST", url, body=file.read_bytes(), headers=headers, timeout=60.0, retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable(f"The scoring server at {url} does not answer. Is `cuelight up` running?") from error
    if answer.status != 200:
        raise BadInput(_message(answer) + (known.hint(settings, name) if answer.status == 404 else ""))
    click.echo(answer.data.decode())


def _message(answer: urllib3.BaseHTTPResponse) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):  # not from our server: a proxy, or another program on that port
        return f"The answer was {answer.status}: {answer.data.decode(errors='replace')[:300]}"
