"""What journal, history and registry know of a prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cuelight.cli import compose
from cuelight.cli.explanation.charge import KINDS, charge, trained_by
from cuelight.journal import lookup
from cuelight.journal.lookup import Seen
from cuelight.journal.record import SHADOW, Label, Prediction
from cuelight.kit.errors import CuelightError, NotFound
from cuelight.kit.settings import Settings
from cuelight.operations.database import Operations
from cuelight.operations.history import Event
from cuelight.operations.retraining import RetrainRequest
from cuelight.registry import tags
from cuelight.registry.manifest import Manifest
from cuelight.registry.model import ModelVersion

_GONE = "The registry's version {version} of {model} is another one by now: what is said of its training is missing."


@dataclass(frozen=True)
class Sources:
    """What is known: `seen` has at least one record, `events` are the model's, of all hosts."""

    seen: Sequence[Seen]
    labels: Sequence[Label] = ()
    events: Sequence[Event] = ()
    version: ModelVersion | None = None
    run_url: str = ""
    request: RetrainRequest | None = None
    notes: tuple[str, ...] = ()

    @property
    def answered(self) -> Seen:
        """What the caller was answered."""
        return next((each for each in self.seen if each.prediction.arm != SHADOW), self.seen[0])


def gather(settings: Settings, prediction_id: str) -> Sources:
    """What journal, history and registry know of a prediction.

    Raises:
        NotFound: the journal has none of that id.
    """
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
    asked, found = seen.prediction, charge(seen, events)
    notes = [] if found.situation else [f"The history of host {seen.host} has no line on this."]
    registry = compose.registry(settings)
    try:
        model = registry.snapshot().models.get(asked.model)
        version = model.versions.get(asked.version) if model else None
    except CuelightError as error:
        return None, "", [*notes, f"What the registry knows of its training is missing: {error}"]
    if version is None or not _is_it(version, asked, found.holder.run_id if found.holder else ""):
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
    line = trained_by(events, number, version.run_id if version else "")
    wanted = version.tags.get(tags.RETRAIN_REQUEST) if version else None
    wanted = wanted or (str(line.detail.get("request")) if line else None)
    return next((each for each in operations.retrains(model) if str(each.id) == wanted), None)


def _is_it(version: ModelVersion, asked: Prediction, run_id: str) -> bool:
    """Whether the registry's version is the one that answered, and not one of a model made anew by that name."""
    if tags.MANIFEST in version.tags:
        try:
            return Manifest.from_json(version.tags[tags.MANIFEST]).digest == asked.digest
        except CuelightError:
            return False
    return run_id in ("", version.run_id)
