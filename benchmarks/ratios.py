"""Ratios between servers, taken round by round, since a round's servers met the same machine. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.records import Results, Single

CUELIGHT, MLFLOW, FLASK_NOTHING = "Cuelight", "mlflow models serve", "Flask, no-op"
UNRECORDED = "Cuelight, journal off"
RIVALS = ("MLServer", "MLServer, no batching", "BentoML", "LitServe")


@dataclass(frozen=True)
class Ratio:
    """The median of the rounds' ratios, the least and the greatest."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{number(self.median)} ({number(self.low)} to {number(self.high)})"


def ratio(ones: Mapping[int, float], others: Mapping[int, float]) -> Ratio | None:
    """One over the other in the rounds that both were in; None where there is none."""
    found = [ones[each] / others[each] for each in ones.keys() & others.keys() if others[each] > 0]
    found = [each for each in found if math.isfinite(each)]
    return Ratio(statistics.median(found), min(found), max(found)) if found else None


def number(value: float) -> str:
    """Three digits that count, without an exponent."""
    if not math.isfinite(value):
        return "-"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def cell(results: Results, model: str, workers: int, connections: int) -> dict[str, list[Single]]:
    """Each server's rounds of one cell, in the order they were measured; those with failed requests too."""
    found: dict[str, list[Single]] = {}
    for each in results.singles:
        if (each.model, each.workers, each.connections) == (model, workers, connections):
            found.setdefault(each.server, []).append(each)
    return found


def rates(rounds: Iterable[Single]) -> dict[int, float]:
    """Requests a second by round."""
    return {each.round: each.rate for each in rounds}


def best(found: Mapping[str, Sequence[Single]], names: Sequence[str] = RIVALS) -> str:
    """The one of those servers with the highest median rate; empty where none was measured."""
    there = [name for name in names if found.get(name)]
    return max(there, key=lambda name: statistics.median(each.rate for each in found[name]), default="")


def batch(results: Results, model: str, server: str, protocol: str, rows: int) -> dict[int, float]:
    """Milliseconds by round."""
    wanted = (model, server, protocol, rows)
    return {e.round: e.ms for e in results.batches if (e.model, e.server, e.protocol, e.rows) == wanted}
