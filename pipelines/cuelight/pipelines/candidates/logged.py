"""A candidate's run in MLflow: parameters, metrics, figures, the model, and the reference that goes with it."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cuelight.kit.errors import BadInput
from cuelight.pipelines.answers import Answers
from cuelight.pipelines.candidates.candidate import Candidate
from cuelight.pipelines.candidates.champion import FITTED_ROWS, HELD_ROWS
from cuelight.pipelines.candidates.importance import importance
from cuelight.pipelines.candidates.lesson import Lesson
from cuelight.pipelines.candidates.reference import IMPORTANCE, REFERENCE, reference, sample
from cuelight.pipelines.pipeline import TrainingPipeline
from cuelight.pipelines.plots.figures import figures
from cuelight.pipelines.progress import Progress
from cuelight.registry.manifest import REFERENCE_SAMPLE, file_digest

if TYPE_CHECKING:
    from cuelight.registry.tracking import Run


@dataclass(frozen=True)
class Logged:
    """Where the logged model is, and which reference goes with it (`path:sha256`)."""

    source: str
    reference: str


def log(run: Run, pipeline: TrainingPipeline, lesson: Lesson, candidate: Candidate, progress: Progress) -> Logged:
    """Write all that is known about a candidate into its run; the model's source and the reference's digest."""
    weights = importance(candidate.estimator, candidate.answers, pipeline.primary_metric)
    with progress.step("Log parameters, metrics and figures"):
        run.params(_parameters(pipeline, lesson, candidate.estimator))
        run.metrics({each: value for each, value in candidate.metrics.items() if np.isfinite(value)})
        run.metrics(candidate.verdict.figures)
        for name, figure in figures(pipeline, candidate.answers, weights):
            run.figure(figure, f"plots/{name}")
        run.text(json.dumps(weights, indent=1), IMPORTANCE)
    with progress.step("Log the model and its reference"):
        digest = _log_frames(run, lesson, candidate.answers)
        source = run.sklearn_model(candidate.estimator, candidate.answers.features, candidate.answers.prediction)
        _log_sample(run, source, candidate.answers)
    return Logged(source, f"{REFERENCE}:{digest}")


def _log_frames(run: Run, lesson: Lesson, answers: Answers) -> str:
    with tempfile.TemporaryDirectory(prefix="cuelight-training-") as folder:
        path = Path(folder, REFERENCE)
        path.parent.mkdir()
        reference(answers, lesson.held_times, lesson.held_groups).to_parquet(path, index=False)
        run.file(path, "reference")
        for keys, name in ((lesson.journal_rows, FITTED_ROWS), (lesson.journal_held, HELD_ROWS)):
            if keys is not None:
                rows = Path(folder, name)
                rows.parent.mkdir(exist_ok=True)
                keys[["prediction_id", "row"]].to_parquet(rows, index=False)
                run.file(rows, "training")
        return file_digest(path)


def _log_sample(run: Run, source: str, answers: Answers) -> None:
    """Some rows of the reference go with the model's own files: the trial tries it on them."""
    with tempfile.TemporaryDirectory(prefix="cuelight-training-") as folder:
        path = Path(folder, REFERENCE_SAMPLE)
        sample(answers).to_parquet(path, index=False)
        run.beside_model(source, path)


def _parameters(pipeline: TrainingPipeline, lesson: Lesson, estimator: Any) -> dict[str, object]:
    if not hasattr(estimator, "get_params"):
        raise BadInput(f"{type(estimator).__name__} is no scikit-learn estimator: it has no get_params.")
    simple = (str, int, float, bool, type(None))
    settings = {name: each for name, each in estimator.get_params().items() if isinstance(each, simple)}
    return {
        "pipeline": pipeline.name,
        "estimator": type(estimator).__name__,
        "features": ", ".join(map(str, lesson.features.columns)),
        "rows_policy": lesson.policy,
        "rows_fitted": len(lesson.features),
        "rows_held_out": len(lesson.held_features),
        "data_fingerprint": lesson.fingerprint,
        **{f"estimator.{name}": each for name, each in settings.items()},
    }
