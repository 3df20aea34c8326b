"""Small plots as SVG, made of attributes and classes alone: the page's policy forbids inline styles. Pure.

They fill the width that they are given; a screen reader hears the title. Colours are the style sheet's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

_WIDTH = 100.0  # in the plot's own units; the page stretches them


@dataclass(frozen=True)
class Line:
    """A line of equidistant values; None where there is none, which leaves a gap. `look` is its class on the page."""

    values: Sequence[float | None]
    look: str = ""


@dataclass(frozen=True)
class Part:
    """A part of a whole, in any unit that its neighbours have; `look` is its class on the page."""

    size: float
    look: str


def lines(title: str, series: Sequence[Line], *, height: int = 28, top: float | None = None) -> Markup:
    """Lines over the same points, on a common scale from 0 to `top` (else to the highest value).

    A value with gaps on both sides is a dot, as wide as one step.
    """
    highest = max((value for each in series for value in each.values if value is not None), default=0.0)
    scale = (height - 2) / (max(highest, top or 0.0) or 1.0)
    drawn = Markup("").join(
        Markup('<path class="line {}" d="{}"/>').format(each.look, path)
        for each in series
        if (path := _path(each.values, height - 1.0, scale))
    )
    floor = Markup('<path class="floor" d="M0 {0}H{1:g}"/>').format(height - 0.5, _WIDTH)
    return _svg(title, height, floor + drawn)


def shares(title: str, parts: Iterable[Part], *, height: int = 6) -> Markup:
    """The parts of a whole side by side, in a bar; those without size are left out."""
    known = [each for each in parts if each.size > 0]
    scale = _WIDTH / (sum(each.size for each in known) or 1.0)
    bars, start = Markup(""), 0.0
    for each in known:
        width = each.size * scale
        bars += Markup('<rect class="area {}" x="{:.2f}" width="{:.2f}" height="{}"/>').format(
            each.look, start, width, height
        )
        start += width
    return _svg(title, height, bars)


def _svg(title: str, height: int, content: Markup) -> Markup:
    return (
        Markup('<svg class="plot" role="img" viewBox="0 0 {:g} {}" height="{}" preserveAspectRatio="none">').format(
            _WIDTH, height, height
        )
        + Markup("<title>{}</title>").format(title)
        + content
        + Markup("</svg>")
    )


def _path(values: Sequence[float | None], floor: float, scale: float) -> str:
    """The line as a path: a stroke for each run of values without a gap."""
    step = _WIDTH / max(1, len(values) - 1)
    points = [(index * step, value) for index, value in enumerate(values)]
    strokes = []
    for there, run in groupby(points, lambda point: point[1] is not None):
        if there:
            placed = [f"{x:.2f} {floor - (value or 0.0) * scale:.2f}" for x, value in run]
            strokes.append(f"M{placed[0]}" + ("".join(f"L{each}" for each in placed[1:]) or f"h{step / 2:.2f}"))
    return "".join(strokes)
