"""From a lesson to a registered version: made, logged, signed, tagged, and in Staging if it passed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cuelight.kit.clock import utc
from cuelight.kit.errors import RegistryUnavailable
from cuelight.kit.signing import SigningKey
from cuelight.pipelines.candidates.account import account
from cuelight.pipelines.candidates.candidate import Candidate, make
from cuelight.pipelines.candidates.champion import Champion
from cuelight.pipelines.candidates.lesson import Lesson
from cuelight.pipelines.candidates.logged import Logged, log
from cuelight.pipelines.gate import GateVerdict
from cuelight.pipelines.pipeline import TrainingPipeline
from cuelight.pipelines.workshop import Workshop
from cuelight.registry import tags
from cuelight.registry.manifest import Manifest
from cuelight.registry.model import ModelVersion, RegisteredModel, Track
from cuelight.registry.traffic import addressed

if TYPE_CHECKING:
    from cuelight.registry.tracking import Run


class Unsettled(RegistryUnavailable):
    """A version is registered, or may be, and the registry was gone before it was where it belongs."""


@dataclass(frozen=True)
class Commission:
    """What a training is for.

    Attributes:
        because: why there is one, as a sentence.
        stage: where a version goes that passes the gate; None: nowhere.
        mark: tags by which a version and a run of this commission are known again; empty: nobody looks for them.
        more_tags: others for the version.
        traffic: tags for the model, that share its requests with the version when it is put into Staging.
        still_mine: called before anything is registered; raises if another has taken the work over.
    """

    because: str
    stage: Track | None = Track.STAGING
    mark: Mapping[str, str] = field(default_factory=dict)
    more_tags: Mapping[str, str] = field(default_factory=dict)
    traffic: Mapping[str, str] = field(default_factory=dict)
    still_mine: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Trained:
    """What a training came to. `stage` is where the version was put, "None" if the gate failed."""

    model: str
    version: int
    run_id: str
    run_url: str
    metrics: Mapping[str, float]
    gate: GateVerdict
    stage: str


def train_and_register(
    workshop: Workshop, pipeline: TrainingPipeline, lesson: Lesson, champion: Champion | None, commission: Commission
) -> Trained:
    """Make a candidate, log it as a run, register it, and move it to the commission's stage if the gate passed."""
    progress = workshop.progress
    candidate = make(pipeline, lesson, champion, progress, workshop.scheduler)
    told = account(pipeline, lesson, candidate, commission.because)
    run_tags = {
        **commission.mark,
        tags.PIPELINE: pipeline.name,
        tags.TRAINED_BECAUSE: commission.because,
        "mlflow.note.content": f"{pipeline.description}\n\n{told}".strip(),
    }
    with workshop.tracking.run(pipeline.training_experiment, _run_name(workshop, pipeline), run_tags) as run:
        logged = log(run, pipeline, lesson, candidate, progress)
    with progress.step("Sign and register"):
        found = _tags(workshop, pipeline, lesson, candidate, logged, run)
        found |= {tags.TRAINED_BECAUSE: commission.because, **commission.more_tags, **commission.mark}
        commission.still_mine()
        version = _register(workshop, commission, pipeline.name, Draft(logged.source, run.id, found, told))
    return settle(workshop, version, commission)


def registered(workshop: Workshop, model: str, mark: Mapping[str, str]) -> ModelVersion | None:
    """The version that a commission has come to already; of several the first."""
    known = workshop.registry.snapshot().models.get(model)
    return min(_marked(known, mark), key=lambda each: each.version, default=None)


def withdraw(workshop: Workshop, model: str, mark: Mapping[str, str]) -> None:
    """Delete what was registered for a commission that came to nothing; what people have put to use stays."""
    known = workshop.registry.snapshot().models.get(model)
    for version in _marked(known, mark):
        if known and version.stage == "None" and version.version not in known.aliases.values():
            workshop.registry.delete_version(model, version.version)


def _marked(known: RegisteredModel | None, mark: Mapping[str, str]) -> list[ModelVersion]:
    return [each for each in known.versions.values() if mark.items() <= each.tags.items()] if known and mark else []


def settle(workshop: Workshop, version: ModelVersion, commission: Commission) -> Trained:
    """Put a registered version where it belongs, unless it was moved already; what it is, as its tags and run say.

    Raises:
        Unsettled: the registry does not answer; to be called again.
    """
    passed, stage = version.tags.get(tags.GATE) == "passed", commission.stage
    where = version.stage
    try:
        if passed and stage is not None and where == "None" and not _overtaken(workshop, version, stage):
            _stage(workshop, version, stage, commission.traffic)
            where = stage.value
        url, figures = workshop.tracking.told(version.run_id)
    except RegistryUnavailable as error:
        put = f" {version.name} {version.version} --stage {stage.value} --archive-others" if passed and stage else ""
        hint = f" Put it there by `cuelight promote{put}`." if put else ""
        raise Unsettled(f"{version.id} is registered, but may not be where it belongs yet: {error}{hint}") from error
    workshop.progress.note(f"{version.id} is {'in no stage' if where == 'None' else f'in {where}'}")
    measured = {name: each for name, each in figures.items() if name.startswith("gate.")}
    gate = GateVerdict(passed, version.tags.get(tags.GATE_REASON, ""), measured)
    metrics = {name: each for name, each in figures.items() if name not in measured}
    return Trained(version.name, version.version, version.run_id, url, metrics, gate, where)


def _overtaken(workshop: Workshop, version: ModelVersion, stage: Track) -> bool:
    """Whether a later version is there: one that was finished after a long pause must not displace it."""
    others = workshop.registry.snapshot().models[version.name].versions.values()
    return any(each.stage == stage.value and each.version > version.version for each in others)


def _run_name(workshop: Workshop, pipeline: TrainingPipeline) -> str:
    return f"{pipeline.name} {utc(workshop.clock.now())}"


def _tags(
    workshop: Workshop, pipeline: TrainingPipeline, lesson: Lesson, candidate: Candidate, logged: Logged, run: Run
) -> dict[str, str]:
    # What was stored is signed, not what was meant to be stored.
    with tempfile.TemporaryDirectory(prefix="cuelight-signing-") as folder:
        files = workshop.tracking.download(logged.source, Path(folder) / "model")
        manifest = Manifest.of_folder(files, pipeline.name, run.id)
    found = {
        **manifest.signed(SigningKey.load_or_create(workshop.keys_folder)),
        tags.PIPELINE: pipeline.name,
        tags.REFERENCE: logged.reference,
        tags.TRAINED_UNTIL: repr(lesson.trained_until),
        tags.DATA_FINGERPRINT: lesson.fingerprint,
        tags.GATE: "passed" if candidate.verdict.passed else "failed",
        tags.GATE_REASON: candidate.verdict.reason,
    }
    if candidate.compared_with is not None:
        found[tags.CHAMPION] = str(candidate.compared_with.version.version)
    return found


def _stage(workshop: Workshop, version: ModelVersion, put: Track, traffic: Mapping[str, str]) -> None:
    """Tags first: they name the version, and mean nothing before it is there."""
    if traffic and put == Track.STAGING:
        workshop.registry.set_model_tags(version.name, addressed(traffic, version.version))
    workshop.registry.set_stage(version.name, version.version, put.value, archive_others=True)


@dataclass(frozen=True)
class Draft:
    """A version to be: where its files are, its run, its tags, and its description."""

    source: str
    run_id: str
    tags: Mapping[str, str]
    description: str


def _register(workshop: Workshop, commission: Commission, model: str, draft: Draft) -> ModelVersion:
    """The version of a commission. Two may register at once: then the first is it, and who came later takes his back.

    Raises:
        Unsettled: the registry does not answer, so nobody knows whether there is one.
    """
    registry = workshop.registry
    try:
        registry.create_model(model)
        mine = registry.create_version(model, draft.source, draft.run_id, draft.tags, draft.description)
        first = registered(workshop, model, commission.mark) or mine
        if first.version != mine.version:
            registry.delete_version(model, mine.version)
    except RegistryUnavailable as error:
        raise Unsettled(f"Whether a version of {model} was registered is not known: {error}") from error
    if commission.mark:
        commission.still_mine()
    return first
