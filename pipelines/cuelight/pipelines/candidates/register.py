"""From a logged candidate to a registered version: signed, tagged, and in Staging if it passed. The last step."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cuelight.kit.clock import utc
from cuelight.kit.errors import RegistryUnavailable
from cuelight.kit.signing import SigningKey
from cuelight.pipelines.candidates.candidate import Candidate, Lesson, Logged, log, make
from cuelight.pipelines.candidates.champion import Champion
from cuelight.pipelines.gate import GateVerdict
from cuelight.pipelines.pipeline import TrainingPipeline
from cuelight.pipelines.workshop import Workshop
from cuelight.registry import tags
from cuelight.registry.manifest import Manifest
from cuelight.registry.model import ModelVersion, Track

if TYPE_CHECKING:
    from cuelight.registry.tracking import Run


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
    workshop: Workshop,
    pipeline: TrainingPipeline,
    lesson: Lesson,
    champion: Champion | None,
    because: str,
    more_tags: Mapping[str, str] | None = None,
    stage: Track | None = Track.STAGING,
    still_mine: Callable[[], None] = lambda: None,
) -> Trained:
    """Make a candidate, log it as a run, register it, and move it to `stage` if the gate passed.

    `still_mine` is called before anything is registered, and raises if the work was taken over by another.
    """
    progress = workshop.progress
    candidate = make(pipeline, lesson, champion, progress)
    run_tags = {
        tags.PIPELINE: pipeline.name,
        tags.TRAINED_BECAUSE: because,
        "mlflow.note.content": pipeline.description,
    }
    with workshop.tracking.run(pipeline.training_experiment, _run_name(workshop, pipeline), run_tags) as run:
        logged = log(run, pipeline, lesson, candidate, progress)
        with progress.step("Sign and register"):
            found = _tags(workshop, pipeline, lesson, candidate, logged, run)
            still_mine()
            everything = {**found, tags.TRAINED_BECAUSE: because, **(more_tags or {})}
            version = _register(workshop, pipeline.name, logged.source, run.id, everything)
    put = stage if stage is not None and candidate.verdict.passed else None
    if put is not None:
        _stage(workshop, version, put)
    progress.note(f"{version.id}{f' is in {put.value}' if put else ' is registered, in no stage'}")
    name = put.value if put else "None"
    return Trained(pipeline.name, version.version, run.id, run.url, candidate.metrics, candidate.verdict, name)


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
        tags.MANIFEST: manifest.to_json(),
        tags.SIGNATURE: SigningKey.load_or_create(workshop.keys_folder).sign(manifest),
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


def _stage(workshop: Workshop, version: ModelVersion, put: Track) -> None:
    try:
        workshop.registry.set_stage(version.name, version.version, put.value, archive_others=True)
    except RegistryUnavailable as error:
        raise RegistryUnavailable(
            f"{version.id} is registered and passed its gate, but is not in {put.value} yet: {error} Put it there by "
            f"`cuelight promote {version.name} {version.version} --stage {put.value} --archive-others`."
        ) from error


def _register(
    workshop: Workshop, model: str, source: str, run_id: str, version_tags: Mapping[str, str]
) -> ModelVersion:
    workshop.registry.create_model(model)
    return workshop.registry.create_version(model, source, run_id, version_tags)
