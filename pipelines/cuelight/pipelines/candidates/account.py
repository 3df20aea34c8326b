"""What the gate found, in Markdown: for the pages of the run and of the version in MLflow. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cuelight.pipelines.candidates.candidate import Candidate
from cuelight.pipelines.candidates.lesson import Lesson
from cuelight.pipelines.gate import Comparison, Segment
from cuelight.pipelines.pipeline import TrainingPipeline

_LONGEST = 5_000  # characters that MLflow keeps of a version's description
_MOST_SEGMENTS = 20


def account(pipeline: TrainingPipeline, lesson: Lesson, candidate: Candidate, because: str) -> str:
    """Verdict, why, champion and challenger side by side, segments, and what it was fitted on."""
    return "\n".join(_lines(pipeline, lesson, candidate, because))[:_LONGEST]


def _lines(pipeline: TrainingPipeline, lesson: Lesson, candidate: Candidate, because: str) -> Iterator[str]:
    verdict, evidence, champion = candidate.verdict, candidate.evidence, candidate.compared_with
    against = f" Challenger against champion {champion.version.version}:" if champion else ""
    yield f"**Gate {'passed' if verdict.passed else 'failed'}.**{against} {verdict.reason}"
    yield f"\nTrained because: {because}"
    yield f"\nFitted on {len(lesson.features):,} rows ({lesson.policy}), judged on {len(lesson.held_features):,}.\n"
    if champion is not None and evidence.comparison is not None:
        yield f"| | champion {champion.version.version} | challenger |\n|---|---|---|"
        found, costs = evidence.comparison, evidence.costs
        yield f"| loss ({pipeline.primary}), {found.rows:,} rows | {found.champion:.4g} | {found.challenger:.4g} |"
        if costs is not None:
            yield f"| ms for {costs.rows} rows | {costs.seconds[0] * 1e3:.3g} | {costs.seconds[1] * 1e3:.3g} |"
            yield f"| bytes | {costs.size[0]:,} | {costs.size[1]:,} |"
        yield f"\nGain {_gain(found)}: both bounds by a paired bootstrap, one-sided at 95 %."
    if evidence.segments:
        yield from _segments(pipeline, evidence.segments[:_MOST_SEGMENTS])
        if (rest := len(evidence.segments) - _MOST_SEGMENTS) > 0:
            yield f"\nand {rest} smaller ones."


def _segments(pipeline: TrainingPipeline, found: Sequence[Segment]) -> Iterator[str]:
    floors = list(pipeline.gate.segment_floors)
    heads = ["rows", *floors, "champion's loss", "challenger's", "gain"]
    yield f"\n| {pipeline.gate.segments} | {' | '.join(heads)} |\n|{'---|' * (len(heads) + 1)}"
    for each in found:
        scores = [f"{each.metrics[name]:.4g}" if name in each.metrics else "-" for name in floors]
        beside = each.comparison
        losses = [f"{beside.champion:.4g}", f"{beside.challenger:.4g}", _gain(beside)] if beside else ["", "", ""]
        value = each.value.replace("|", "\\|")
        yield f"| {value} | {' | '.join([f'{each.rows:,}', *scores, *losses])} |"


def _gain(found: Comparison) -> str:
    return f"{found.gain:.3g} ({found.lower:.3g} to {found.upper:.3g})"
