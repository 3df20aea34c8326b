"""The gate: whether a version is good enough for Staging. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cuelight.kit.errors import BadInput
from cuelight.pipelines.answers import Array
from cuelight.pipelines.metrics import METRICS

CONFIDENCE = 0.95
LEAST_SEGMENT = 50
"""A segment of fewer rows is not judged."""
_RESAMPLES = 2000


@dataclass(frozen=True)
class Gate:
    """What a version must reach.

    Attributes:
        floors: the worst value allowed per metric: the least where more is better, the most where less is.
        margin: share of the champion's mean loss by which the challenger may at most be worse (0.01: 1 %).
        segments: a feature of at most 50 values, each of which is judged by itself as well; empty: none is.
        segment_floors: like `floors`, for each segment.
        segment_margin: like `margin`: a segment fails that is shown to be worse, and by more than this.
        most_time: the challenger may take so many times as long to predict as the champion; None: any.
        most_size: the same of its bytes.
    """

    floors: Mapping[str, float] = field(default_factory=dict)
    margin: float = 0.01
    segments: str = ""
    segment_floors: Mapping[str, float] = field(default_factory=dict)
    segment_margin: float = 0.1
    most_time: float | None = None
    most_size: float | None = None


@dataclass(frozen=True)
class Comparison:
    """Champion and challenger on the same rows: mean losses, and the gain (champion minus challenger).

    `lower` and `upper` are its one-sided bounds: together an interval at twice the risk, 90 % by default.
    """

    champion: float
    challenger: float
    gain: float
    lower: float
    upper: float
    rows: int


@dataclass(frozen=True)
class Segment:
    """Held-out rows of one value: the challenger's metrics that are defined, and both on rows that are fair to both."""

    value: str
    rows: int
    metrics: Mapping[str, float]
    comparison: Comparison | None = None

    @property
    def is_judged(self) -> bool:
        """Whether it has enough rows."""
        return self.rows >= LEAST_SEGMENT


@dataclass(frozen=True)
class Costs:
    """What predicting `rows` rows takes, and what a model weighs: the champion's first, the challenger's second."""

    seconds: tuple[float, float]
    size: tuple[int, int]
    rows: int


@dataclass(frozen=True)
class Evidence:
    """What a verdict rests on: the challenger's metrics on all held-out rows, and what is known beside the champion.

    `why_not` says why there is no comparison.
    """

    metrics: Mapping[str, float]
    comparison: Comparison | None = None
    why_not: str = ""
    segments: Sequence[Segment] = ()
    costs: Costs | None = None


@dataclass(frozen=True)
class GateVerdict:
    """Whether the gate is passed, why in a few sentences, and the figures it rests on."""

    passed: bool
    reason: str
    figures: Mapping[str, float]


def compare(champion: Array, challenger: Array, seed: int = 0, confidence: float = CONFIDENCE) -> Comparison:
    """A paired bootstrap over losses per row, both of shape (rows,) and on the same rows.

    `lower` and `upper` are one-sided percentile bounds of the mean gain (Efron and Tibshirani, 1993, chapter 13).

    Raises:
        BadInput: the two are not of the same rows, or there are none.
    """
    if champion.shape != challenger.shape or champion.ndim != 1 or not len(champion):
        raise BadInput(f"Losses of shapes {champion.shape} and {challenger.shape} are not of the same rows.")
    gains = np.asarray(champion, dtype=float) - np.asarray(challenger, dtype=float)
    random = np.random.default_rng(seed)
    means = np.array([gains[random.integers(0, len(gains), len(gains))].mean() for _ in range(_RESAMPLES)])
    lower, upper = np.quantile(means, (1.0 - confidence, confidence))
    losses = float(champion.mean()), float(challenger.mean())
    return Comparison(*losses, float(gains.mean()), float(lower), float(upper), len(gains))


def decide(gate: Gate, evidence: Evidence) -> GateVerdict:
    """Floors, the champion, segments and costs; a version passes that fails none, and is told all that it fails."""
    figures = dict(_figures(gate, evidence))
    if objections := list(_objections(gate, evidence)):
        return GateVerdict(False, " ".join(objections), figures)
    return GateVerdict(True, " ".join(_praise(gate, evidence)), figures)


def _objections(gate: Gate, evidence: Evidence) -> Iterator[str]:
    if missed := _missed(gate.floors, evidence.metrics):
        yield f"Below the floor: {'; '.join(missed)}."
    found = evidence.comparison
    # Not `lower < -allowed`: a bound that is NaN must not pass.
    if found is not None and not found.lower >= -gate.margin * abs(found.champion):
        allowed = gate.margin * abs(found.champion)
        yield f"Not shown to be as good {_sides(found, f'; it may lose {allowed:.3g} at most')}."
    for each in evidence.segments:
        where = f"Where {gate.segments} is {each.value}"
        floors = {name: floor for name, floor in gate.segment_floors.items() if name in each.metrics}
        if each.is_judged and (missed := _missed(floors, each.metrics)):
            yield f"{where}, below the floor: {'; '.join(missed)}."
        if each.is_judged and each.comparison and _is_worse(each.comparison, gate.segment_margin):
            yield f"{where}, worse {_sides(each.comparison)}."
    if evidence.costs is not None:
        yield from _too_dear(gate, evidence.costs)


def _praise(gate: Gate, evidence: Evidence) -> Iterator[str]:
    found = evidence.comparison
    if found is None:
        yield f"All floors are met; {evidence.why_not or 'there is no champion to compare with'}."
    else:
        yield f"{'Better' if found.lower > 0 else 'Not worse'} {_sides(found)}."
    judged = sum(each.is_judged for each in evidence.segments)
    if gate.segments:
        few = len(evidence.segments) - judged
        rest = f"; {few} of fewer than {LEAST_SEGMENT} rows were not judged" if few else ""
        yield f"None of {judged} segments by {gate.segments} fails{rest}."


def _missed(floors: Mapping[str, float], metrics: Mapping[str, float]) -> list[str]:
    missed = []
    for name, floor in floors.items():
        value = metrics.get(name, float("nan"))
        greater = METRICS[name].greater_is_better
        if not (value >= floor if greater else value <= floor):
            missed.append(f"{name} is {value:.4g}, {'at least' if greater else 'at most'} {floor:.4g} is due")
    return missed


def _is_worse(found: Comparison, margin: float) -> bool:
    """Shown to be worse, and by more than the margin: segments are small, so few could be shown to be as good."""
    return found.upper < 0.0 and found.gain < -margin * abs(found.champion)


def _too_dear(gate: Gate, costs: Costs) -> Iterator[str]:
    limits = ((gate.most_time, costs.seconds, "time to predict"), (gate.most_size, costs.size, "size"))
    for most, (theirs, own), what in limits:
        if most is not None and own > most * theirs:
            yield f"Its {what} is {own / max(theirs, 1e-9):.3g} times the champion's, at most {most:.3g} is allowed."


def _sides(found: Comparison, tail: str = "") -> str:
    losses = f"loss {found.challenger:.4g} against the champion's {found.champion:.4g}"
    gain = f"gain {found.gain:.3g}, {found.lower:.3g} to {found.upper:.3g}"
    return f"on the same {found.rows} rows: {losses} ({gain}{tail})"


def _figures(gate: Gate, evidence: Evidence) -> Iterator[tuple[str, float]]:
    for name, value in evidence.metrics.items():
        if name in gate.floors:
            yield f"gate.{name}", value
    found, costs = evidence.comparison, evidence.costs
    if found is not None:
        yield "gate.champion_loss", found.champion
        yield "gate.challenger_loss", found.challenger
        yield "gate.gain", found.gain
        yield "gate.gain_lower_bound", found.lower
        yield "gate.gain_upper_bound", found.upper
        yield "gate.rows", float(found.rows)
    if costs is not None:
        yield "gate.champion_seconds", costs.seconds[0]
        yield "gate.challenger_seconds", costs.seconds[1]
        yield "gate.champion_bytes", float(costs.size[0])
        yield "gate.challenger_bytes", float(costs.size[1])
