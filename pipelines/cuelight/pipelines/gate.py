"""The gate: whether a version is good enough for Staging. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from cuelight.kit.errors import BadInput
from cuelight.pipelines.answers import Array
from cuelight.pipelines.metrics import METRICS

CONFIDENCE = 0.95
_RESAMPLES = 2000


@dataclass(frozen=True)
class Gate:
    """What a version must reach.

    `floors` holds the worst value allowed per metric: the least where more is better, the most where less is.
    `margin` is the share of the champion's mean loss by which the challenger may at most be worse (0.01: 1 %).
    """

    floors: Mapping[str, float] = field(default_factory=dict)
    margin: float = 0.01


@dataclass(frozen=True)
class Comparison:
    """Champion and challenger on the same rows: mean losses, the gain (champion minus challenger), its lower bound."""

    champion: float
    challenger: float
    gain: float
    lower: float
    rows: int


@dataclass(frozen=True)
class GateVerdict:
    """Whether the gate is passed, why as one sentence, and the figures it rests on."""

    passed: bool
    reason: str
    figures: Mapping[str, float]


def compare(champion: Array, challenger: Array, seed: int = 0) -> Comparison:
    """A paired bootstrap over losses per row, both of shape (rows,) and on the same rows.

    `lower` is the one-sided 95 % percentile bound of the mean gain (Efron and Tibshirani, 1993, chapter 13).

    Raises:
        BadInput: the two are not of the same rows, or there are none.
    """
    if champion.shape != challenger.shape or champion.ndim != 1 or not len(champion):
        raise BadInput(f"Losses of shapes {champion.shape} and {challenger.shape} are not of the same rows.")
    gains = np.asarray(champion, dtype=float) - np.asarray(challenger, dtype=float)
    random = np.random.default_rng(seed)
    means = np.array([gains[random.integers(0, len(gains), len(gains))].mean() for _ in range(_RESAMPLES)])
    lower = float(np.quantile(means, 1.0 - CONFIDENCE))
    return Comparison(float(champion.mean()), float(challenger.mean()), float(gains.mean()), lower, len(gains))


def decide(
    gate: Gate, metrics: Mapping[str, float], comparison: Comparison | None = None, why: str = ""
) -> GateVerdict:
    """Floors first, then the champion if there is a comparison; `why` says why there is none."""
    missed = _missed(gate, metrics)
    figures = {f"gate.{name}": value for name, value in metrics.items() if name in gate.floors}
    if comparison is not None:
        figures |= {
            "gate.champion_loss": comparison.champion,
            "gate.challenger_loss": comparison.challenger,
            "gate.gain": comparison.gain,
            "gate.gain_lower_bound": comparison.lower,
            "gate.rows": float(comparison.rows),
        }
    if missed:
        return GateVerdict(False, "Below the floor: " + "; ".join(missed) + ".", figures)
    if comparison is None:
        return GateVerdict(True, f"All floors are met; {why or 'there is no champion to compare with'}.", figures)
    allowed = gate.margin * abs(comparison.champion)
    # Not `lower < -allowed`: a bound that is NaN must not pass.
    passed = comparison.lower >= -allowed
    return GateVerdict(passed, _sentence(comparison, allowed, passed), figures)


def _missed(gate: Gate, metrics: Mapping[str, float]) -> list[str]:
    missed = []
    for name, floor in gate.floors.items():
        value = metrics.get(name, float("nan"))
        greater = METRICS[name].greater_is_better
        if not (value >= floor if greater else value <= floor):
            missed.append(f"{name} is {value:.4g}, {'at least' if greater else 'at most'} {floor:.4g} is due")
    return missed


def _sentence(comparison: Comparison, allowed: float, passed: bool) -> str:
    losses = f"loss {comparison.challenger:.4g} against the champion's {comparison.champion:.4g}"
    bound = f"gain {comparison.gain:.3g}, at least {comparison.lower:.3g} at {CONFIDENCE:.0%}"
    verdict = "Better" if comparison.lower > 0 else "Not worse" if passed else "Not shown to be as good"
    tail = "" if passed else f"; it may lose {allowed:.3g} at most"
    return f"{verdict} on the same {comparison.rows} rows: {losses} ({bound}{tail})."
