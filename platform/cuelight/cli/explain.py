"""`cuelight explain`: why a prediction was as it was."""

from __future__ import annotations

import json

import click

from cuelight.cli import output


@click.command()
@click.argument("prediction_id")
@output.json_option
def command(prediction_id: str, as_json: bool) -> None:
    """Say which version answered PREDICTION_ID, why it was in charge, and what it was trained on.

    The id is in the answer's header X-Prediction-Id. While MLflow is down, what only it knows is named as missing.

    Example: cuelight explain 019ab6f0c1d24b7e8f0012345678abcd
    """
    from cuelight.cli import compose
    from cuelight.cli.explanation.document import document
    from cuelight.cli.explanation.sources import gather
    from cuelight.cli.explanation.text import sentences

    known = document(gather(compose.settings(), prediction_id))
    click.echo(json.dumps(known, indent=2, default=str) if as_json else "\n".join(sentences(known)))
