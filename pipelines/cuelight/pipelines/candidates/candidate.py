"""A candidate: fitted on one part of the rows, evaluated on the other, held against the champion, and logged."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cuelight.kit.errors import BadInput, Misconfigured, Refused
from cuelight.pipelines.answers import Answers, Array, ask
from cuelight.pipelines.blame import blamed
from cuelight.pipelines.candidates.champion import FITTED_ROWS, HELD_ROWS, Champion
from cuelight.pipelines.candidates.costs import costs
from cuelight.pipelines.candidates.importance import importance
from cuelight.pipelines.candidates.reference import IMPORTANCE, REFERENCE, reference, sample
from cuelight.pipelines.candidates.segments import segments
from cuelight.pipelines.gate import Evidence, GateVerdict, compare, decide
from cuelight.pipelines.metrics import metric, row_losses
from cuelight.pipelines.pipeline import TrainingPipeline
from cuelight.pipelines.plots.figures import figures
from cuelight.pipelines.progress import Progress
from cuelight.registry.manifest import REFERENCE_SAMPLE, file_digest

if TYPE_CHECKING:
    import pandas as pd

    from cuelight.registry.tracking import Run

_LEAST_COMPARED = 30


@dataclass(frozen=True)
class Lesson:
    """What to fit on and what to be evaluated on.

    Attributes:
        features, truth: rows to fit on.
        held_features, held_truth: rows to be evaluated on; they become the reference.
        held_times, held_groups: when they came, in epoch seconds, and which belong together, where that is known.
        trained_until: epoch seconds of the latest fitted row.
        fingerprint: SHA-256 of all data that went in.
        comparable: positions of held-out rows that the champion was not fitted on either.
        why_not: why there are none, to complete "...".
        weights: how much each row to fit on counts, shape (rows,); None: all the same.
        policy: which rows were chosen to fit on, for people.
        journal_rows, journal_held: prediction_id and row of the journal's rows among those to fit on, and held out.
    """

    features: pd.DataFrame
    truth: Array | None
    held_features: pd.DataFrame
    held_truth: Array | None
    trained_until: float
    fingerprint: str
    comparable: Array
    why_not: str = ""
    weights: Array | None = None
    policy: str = "all"
    journal_rows: pd.DataFrame | None = None
    journal_held: pd.DataFrame | None = None
    held_times: Array | None = None
    held_groups: Array | None = None


@dataclass(frozen=True)
class Candidate:
    """A fitted estimator, its answers to the held-out rows, and the gate's verdict with what that rests on."""

    estimator: Any
    answers: Answers
    evidence: Evidence
    verdict: GateVerdict
    compared_with: Champion | None

    @property
    def metrics(self) -> Mapping[str, float]:
        """Its figures on all held-out rows."""
        return self.evidence.metrics


def make(pipeline: TrainingPipeline, lesson: Lesson, champion: Champion | None, progress: Progress) -> Candidate:
    """Fit, evaluate and judge."""
    with blamed(f"`estimator` of pipeline {pipeline.name!r}"):
        estimator = pipeline.estimator()
    fitting = f"Fit {type(estimator).__name__} on {len(lesson.features):,} rows"
    with progress.step(fitting), blamed(f"`fit` of {type(estimator).__name__}"):
        truth = () if lesson.truth is None else (lesson.truth,)
        estimator.fit(lesson.features, *truth, **_weighting(estimator, lesson.weights))
    with progress.step(f"Evaluate on {len(lesson.held_features):,} held-out rows"):
        with blamed(f"`predict` of {type(estimator).__name__}"):
            answers = ask(estimator, lesson.held_features, lesson.held_truth)
        evidence, compared = _judge(pipeline, lesson, estimator, answers, champion)
        verdict = decide(pipeline.gate, evidence)
    progress.note(", ".join(f"{name} {value:.4g}" for name, value in evidence.metrics.items()))
    progress.note(f"Gate {'passed' if verdict.passed else 'failed'}: {verdict.reason}")
    return Candidate(estimator, answers, evidence, verdict, compared)


def _weighting(estimator: Any, weights: Array | None) -> dict[str, Array]:
    """The rows' weights as `fit` takes them: scikit-learn's pipelines hand theirs to the last step.

    Raises:
        Misconfigured: the estimator takes none.
    """
    from sklearn.pipeline import Pipeline
    from sklearn.utils.validation import has_fit_parameter

    if weights is None:
        return {}
    path, last = "", estimator
    while isinstance(last, Pipeline):
        name, last = last.steps[-1]
        path += f"{name}__"
    if not has_fit_parameter(last, "sample_weight"):
        raise Misconfigured(
            f"{type(last).__name__} takes no weights of rows: set `retrain.rows` to all or recent for this model."
        )
    return {f"{path}sample_weight": weights}


def _judge(
    pipeline: TrainingPipeline, lesson: Lesson, estimator: Any, answers: Answers, champion: Champion | None
) -> tuple[Evidence, Champion | None]:
    """What the gate decides by, and the champion if the two were compared."""
    scores = {name: metric(name, pipeline.task).score(answers) for name in pipeline.metrics}
    why_not = lesson.why_not
    if champion is not None and len(lesson.comparable) < _LEAST_COMPARED:
        why_not = why_not or f"only {len(lesson.comparable)} held-out rows are new to the champion"
        champion = None
    if champion is None:
        parts = segments(pipeline, answers, lesson.comparable, None)
        return Evidence(scores, why_not=why_not, segments=parts), None
    held = answers.take(lesson.comparable)
    known = _as_known(champion, held.features)
    theirs = ask(champion.estimator, known, held.truth)
    primary = pipeline.primary_metric
    evidence = Evidence(
        scores,
        compare(row_losses(theirs, primary), row_losses(held, primary)),
        segments=segments(pipeline, answers, lesson.comparable, theirs),
        costs=costs((champion.estimator, known), (estimator, held.features)),
    )
    return evidence, champion


def _as_known(champion: Champion, features: pd.DataFrame) -> pd.DataFrame:
    """The columns that the champion knows, in its order."""
    names = [str(each) for each in getattr(champion.estimator, "feature_names_in_", features.columns)]
    if missing := [each for each in names if each not in features.columns]:
        raise Refused(f"{champion.version.id} needs column {missing[0]!r}, which the pipeline no longer has.")
    return features[names]


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


@dataclass(frozen=True)
class Logged:
    """Where the logged model is, and which reference goes with it (`path:sha256`)."""

    source: str
    reference: str


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
