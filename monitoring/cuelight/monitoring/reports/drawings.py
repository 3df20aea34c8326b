"""Small plots of a column, reference against window, as numbers that the page puts into SVG and bars. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cuelight.monitoring.examination.columns import Codes, Column, Floats, Kind

WIDTH, HEIGHT = 300, 80  # of the SVG's box; it is stretched to the page's width
_BINS, _LEVELS = 40, 8
_TAIL = 0.005  # of either side at either end: one outlier must not press all else into one bin


@dataclass(frozen=True)
class Curves:
    """Shares of rows by bin, as SVG paths: areas that begin and end at the bottom; `low` and `high` are its ends."""

    reference: str
    current: str
    low: float
    high: float


@dataclass(frozen=True)
class Bar:
    """One level of a category: the shares of rows, from 0 to 1, that have it."""

    level: str
    reference: float
    current: float


@dataclass(frozen=True)
class Drawing:
    """A column of the window next to the reference, on all rows: curves for numbers, bars for categories."""

    curves: Curves | None
    bars: tuple[Bar, ...]
    missing: tuple[float, float]


def draw(column: Column) -> Drawing:
    """The plot of a column; values beyond its ends are counted in the first and the last bin."""
    sides = [side[column.present(side)] for side in (column.reference, column.current)]
    missing = [
        1.0 - len(present) / max(1, len(side))
        for present, side in zip(sides, (column.reference, column.current), strict=True)
    ]
    both = (missing[0], missing[1])
    if column.kind is Kind.NUMERIC:
        return Drawing(_curves(sides[0], sides[1]), (), both)
    return Drawing(None, _bars(column.levels, sides[0], sides[1]), both)


def _curves(reference: Floats, current: Floats) -> Curves:
    ends = [np.quantile(side, [_TAIL, 1.0 - _TAIL]) for side in (reference, current) if len(side)]
    low, high = (float(min(each[0] for each in ends)), float(max(each[1] for each in ends))) if ends else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    shares = [
        np.histogram(np.clip(side, low, high), _BINS, (low, high))[0] / max(1, len(side))
        for side in (reference, current)
    ]
    top = max(float(each.max()) for each in shares)
    return Curves(_path(shares[0], top), _path(shares[1], top), low, high)


def _path(shares: Floats, top: float) -> str:
    """Steps of one bin each."""
    wide = WIDTH / len(shares)
    heights = HEIGHT * (1.0 - shares / top) if top else np.full(len(shares), float(HEIGHT))
    steps = " ".join(f"V{height:.1f} H{(index + 1) * wide:g}" for index, height in enumerate(heights))
    return f"M0 {HEIGHT} {steps} V{HEIGHT} Z"


def _bars(levels: tuple[str, ...], reference: Codes, current: Codes) -> tuple[Bar, ...]:
    """The levels that most rows of either side have; all others in one bar."""
    before, now = (np.bincount(side, minlength=len(levels)) / max(1, len(side)) for side in (reference, current))
    order = np.argsort(-np.maximum(before, now), kind="stable")
    shown, rest = (order, order[:0]) if len(order) <= _LEVELS else (order[: _LEVELS - 1], order[_LEVELS - 1 :])
    found = [Bar(levels[code], float(before[code]), float(now[code])) for code in shown]
    if len(rest):
        found.append(Bar(f"{len(rest):,} others", float(before[rest].sum()), float(now[rest].sum())))
    return tuple(found)
