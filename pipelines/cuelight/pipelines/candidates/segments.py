"""Held-out rows by the values of one feature: how the challenger does on each, and beside the champion."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cuelight.pipelines.answers import Answers, Array
from cuelight.pipelines.gate import CONFIDENCE, LEAST_SEGMENT, Comparison, Segment, compare
from cuelight.pipelines.metrics import metric, row_losses
from cuelight.pipelines.pipeline import TrainingPipeline


def segments(
    pipeline: TrainingPipeline, answers: Answers, comparable: Array, theirs: Answers | None
) -> tuple[Segment, ...]:
    """One for each value of the gate's column, the largest first; none where it names no column.

    Args:
        pipeline: its gate names the column, and the metrics with floors.
        answers: the challenger's, to all held-out rows.
        comparable: positions of those that the champion was not fitted on.
        theirs: the champion's answers to these; None: there is none to compare with.
    """
    if not pipeline.gate.segments:
        return ()
    found = list(_by_value(answers, pipeline.gate.segments))
    # What one comparison may err by is shared by all.
    confidence = 1.0 - (1.0 - CONFIDENCE) / max(1, sum(rows.sum() >= LEAST_SEGMENT for _, rows in found))
    judged = []
    for value, rows in found:
        part = answers.take(np.flatnonzero(rows))
        enough = rows.sum() >= LEAST_SEGMENT
        names = pipeline.gate.segment_floors if enough else ()
        scores = {name: metric(name, pipeline.task).score(part) for name in names}
        scores = {name: score for name, score in scores.items() if np.isfinite(score)}  # one class has no roc_auc
        beside = _compare(pipeline, answers, theirs, comparable, rows, confidence) if theirs else None
        judged.append(Segment(value, int(rows.sum()), scores, beside))
    return tuple(sorted(judged, key=lambda each: (-each.rows, each.value)))


def _by_value(answers: Answers, column: str) -> Iterator[tuple[str, Array]]:
    values = answers.features[column]
    yield from ((f"{each}", np.asarray(values == each)) for each in values.dropna().unique())
    if values.isna().any():
        yield "missing", np.asarray(values.isna())


def _compare(
    pipeline: TrainingPipeline, answers: Answers, theirs: Answers, comparable: Array, rows: Array, confidence: float
) -> Comparison | None:
    there = rows[comparable]
    if there.sum() < LEAST_SEGMENT:
        return None
    primary = pipeline.primary_metric
    champion = row_losses(theirs.take(np.flatnonzero(there)), primary)
    return compare(champion, row_losses(answers.take(comparable[there]), primary), confidence=confidence)
