"""`cuelight explain`: why a prediction was as it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from cuelight.kit.errors import CuelightError, NotFound

if TYPE_CHECKING:
    from cuelight.cli.explanation import Sources
    from cuelight.journal.lookup import Seen
    from cuelight.kit.settings import Settings
    from cuelight.operations.database import Operations
    from cuelight.operations.history import Event
    from cuelight.operations.retraining import RetrainRequest
    from cuelight.registry.model import ModelVersion

_GONE = "The registry's version {version} of {model} is another one by now: what is said of its training is missing."


@click.command()
@click.argument("prediction_id")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(prediction_id: str, as_json: bool) -> None:
    """Say which version answered PREDICTION_ID, why it was in charge, and what it was trained on.

    The id is in the answer's header X-Prediction-Id. While MLflow is down, what only it knows is named as missing.

    Example: cuelight explain 019ab6f0c1d24b7e8f0012345678abcd
    """
    from cuelight.cli import compose
    from cuelight.cli.explanation import document
    from cuelight.cli.explanation_text import sentences

    known = document(gather(compose.settings(), prediction_id))
    click.echo(json.dumps(known, indent=2, default=str) if as_json else "\n".join(sentences(known)))


def gather(settings: Settings, prediction_id: str) -> Sources:
    """What journal, history and registry know of a prediction.

    Raises:
        NotFound: the journal has none of that id.
    """
    from cuelight.cli import compose
    from cuelight.cli.explanation import KINDS, Sources
    from cuelight.journal import lookup

    seen = lookup.find(settings.journal_folder, prediction_id) if prediction_id.isascii() else []
    if not seen:
        raise NotFound(
            f"The journal in {settings.journal_folder} has no prediction {prediction_id!r}. It may be older than "
            "journal.retention_days, or was made while journal.record was off."
        )
    bare = Sources(seen)
    asked = bare.answered.prediction
    labels = lookup.labels(settings.journal_folder, asked)
    if not asked.version:
        return Sources(seen, labels, notes=("No version answered.",))
    operations = compose.operations(settings)
    events = operations.history(asked.model, kinds=KINDS)
    version, run_url, notes = _registered(settings, bare.answered, events)
    request = _request(operations, asked.model, asked.version, version, events)
    return Sources(seen, labels, events, version, run_url, request, tuple(notes))


def _registered(settings: Settings, seen: Seen, events: list[Event]) -> tuple[ModelVersion | None, str, list[str]]:
    """The version as the registry has it, where MLflow shows its run, and what is missing."""
    from cuelight.cli import compose
    from cuelight.cli.explanation import charge, is_it

    asked, found = seen.prediction, charge(seen, events)
    notes = [] if found.situation else [f"The history of host {seen.host} has no line on this."]
    registry = compose.registry(settings)
    try:
        model = registry.snapshot().models.get(asked.model)
        version = model.versions.get(asked.version) if model else None
    except CuelightError as error:
        return None, "", [*notes, f"What the registry knows of its training is missing: {error}"]
    if version is None or not is_it(version, asked, found.holder.run_id if found.holder else ""):
        gone = _GONE.format(version=asked.version, model=asked.model)
        return None, "", [*notes, gone if version else f"The registry has no {asked.model} version {asked.version}."]
    try:
        return version, registry.run_url(version.run_id) if version.run_id else "", notes
    except CuelightError as error:  # the run was deleted, or MLflow went away in this moment
        return version, "", [*notes, f"MLflow does not show its run: {error}"]


def _request(
    operations: Operations, model: str, number: int, version: ModelVersion | None, events: list[Event]
) -> RetrainRequest | None:
    """The retrain request that the version came from: by its tag, or by the history."""
    from cuelight.cli.explanation import trained_by
    from cuelight.registry import tags

    line = trained_by(events, number, version.run_id if version else "")
    wanted = version.tags.get(tags.RETRAIN_REQUEST) if version else None
    wanted = wanted or (str(line.detail.get("request")) if line else None)
    return next((each for each in operations.retrains(model) if str(each.id) == wanted), None)
