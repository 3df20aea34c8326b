"""Training from start to end: load, split, fit, evaluate, log, sign, register, and into Staging."""

from __future__ import annotations

import hashlib

import numpy as np

from cuelight.kit.errors import CuelightError
from cuelight.pipelines.answers import Array
from cuelight.pipelines.blame import blamed
from cuelight.pipelines.candidates import champion as champions
from cuelight.pipelines.candidates.champion import Champion
from cuelight.pipelines.candidates.lesson import Lesson
from cuelight.pipelines.candidates.register import Commission, Trained, train_and_register
from cuelight.pipelines.data import Data, prepare
from cuelight.pipelines.pipeline import TrainingPipeline
from cuelight.pipelines.split import Split, split
from cuelight.pipelines.workshop import Workshop
from cuelight.registry.model import Track

# Says which rows of which data were fitted on: two versions that agree on it have the same held-out rows.
SPLIT = "cuelight.split"


def train(
    workshop: Workshop, pipeline: TrainingPipeline, because: str = "Trained by hand.", stage: bool = True
) -> Trained:
    """Train a pipeline on its own data and register the result.

    It goes to Staging when it meets the floors and, where a version is in Production and held-out rows are new
    to that as well, is not worse there. Otherwise it is registered with the reason, in no stage.
    """
    loaded_at = workshop.clock.now()
    with workshop.progress.step(f"Load the data of {pipeline.name}"):
        with blamed(f"`load` of pipeline {pipeline.name!r}"):
            frame = pipeline.load()
        data = prepare(pipeline, frame)
        parts = split(len(data), pipeline.held_out, pipeline.seed, data.times, data.groups)
    mark = _mark(data, parts)
    champion, why_not = _champion(workshop, pipeline)
    lesson = first_lesson(data, parts, loaded_at, *_comparable(data, parts, mark, champion, why_not))
    commission = Commission(because, Track.STAGING if stage else None, more_tags={SPLIT: mark})
    return train_and_register(workshop, pipeline, lesson, champion, commission)


def _champion(workshop: Workshop, pipeline: TrainingPipeline) -> tuple[Champion | None, str]:
    version = champions.in_charge(workshop, pipeline.name)
    if version is None:
        return None, "no version is in Production to compare with"
    try:
        return champions.load(workshop, version), ""
    except CuelightError as error:
        # A champion that can't be loaded must not keep a sound version from taking its place.
        return None, f"{version.id} could not be loaded to compare with ({error})"


def _comparable(data: Data, parts: Split, mark: str, champion: Champion | None, why_not: str) -> tuple[Array, str]:
    """Positions of held-out rows that the champion was not fitted on; with none, why."""
    nothing = np.array([], dtype=np.intp)
    if champion is None:
        return nothing, why_not
    if champion.version.tags.get(SPLIT) == mark:
        return np.arange(len(parts.held_out)), ""
    if data.times is None:
        return nothing, f"{champion.version.id} may have been fitted on the held-out rows, so the two are not compared"
    later = np.flatnonzero(data.times[parts.held_out] > champion.trained_until)
    return later, f"too few held-out rows are later than what {champion.version.id} was fitted on"


def first_lesson(data: Data, parts: Split, loaded_at: float, comparable: Array, why_not: str) -> Lesson:
    """A lesson of the pipeline's own data alone; without event times its rows count as known up to `loaded_at`."""
    truth = data.truth
    return Lesson(
        features=data.features.iloc[parts.fit],
        truth=None if truth is None else truth[parts.fit],
        held_features=data.features.iloc[parts.held_out],
        held_truth=None if truth is None else truth[parts.held_out],
        trained_until=loaded_at if data.times is None else float(data.times[parts.fit].max()),
        fingerprint=data.fingerprint,
        comparable=comparable,
        why_not=why_not,
        held_times=None if data.times is None else data.times[parts.held_out],
        held_groups=None if data.groups is None else data.groups[parts.held_out],
    )


def _mark(data: Data, parts: Split) -> str:
    digest = hashlib.sha256(data.fingerprint.encode())
    digest.update(np.sort(parts.fit).astype("<i8").tobytes())
    return digest.hexdigest()
