"""A candidate: fitted on one part of the rows, evaluated on the other, and held against the champion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cuelight.kit.cluster import spread
from cuelight.kit.errors import Misconfigured, Refused
from cuelight.pipelines.answers import Answers, Array, ask
from cuelight.pipelines.blame import blamed
from cuelight.pipelines.candidates.champion import Champion
from cuelight.pipelines.candidates.costs import costs
from cuelight.pipelines.candidates.lesson import Lesson
from cuelight.pipelines.candidates.segments import segments
from cuelight.pipelines.gate import Evidence, GateVerdict, compare, decide
from cuelight.pipelines.metrics import metric, row_losses
from cuelight.pipelines.pipeline import TrainingPipeline
from cuelight.pipelines.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

_LEAST_COMPARED = 30


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


def make(
    pipeline: TrainingPipeline, lesson: Lesson, champion: Champion | None, progress: Progress, scheduler: str = ""
) -> Candidate:
    """Fit, evaluate and judge; a search is fitted by the workers of the Dask `scheduler`, where there is one."""
    with blamed(f"`estimator` of pipeline {pipeline.name!r}"):
        estimator = pipeline.estimator()
    fitting = f"Fit {type(estimator).__name__} on {len(lesson.features):,} rows"
    with progress.step(fitting), spread(scheduler), blamed(f"`fit` of {type(estimator).__name__}"):
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
