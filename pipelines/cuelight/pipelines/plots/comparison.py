"""Figures of two versions' answers to the same rows: what became of each class, or how far the numbers are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cuelight.journal.answers import PREDICTION, Labels, Numbers
from cuelight.journal.comparison import Comparison
from cuelight.journal.differences import ByClass, frequent
from cuelight.journal.quality import Floats
from cuelight.pipelines.plots.clouds import bins, cloud, running_mean
from cuelight.pipelines.plots.style import BLUE, INK, ORANGE, drawing, short

_MOST_CLASSES = 12
_BAR = 0.38
_LONGEST = 16  # letters of a class's name
_ABREAST = 40  # letters that fit below the axis


def figure(found: Comparison, answers: Mapping[str, Labels | Numbers]) -> Any:
    """The answers in two panels (of several outputs the first one's), and the latency of both versions in a third."""
    name = PREDICTION if PREDICTION in answers else next(iter(answers), "")
    given, compared = answers.get(name), found.outputs.get(name)
    old, new = f"version {found.old}", f"version {found.new}"
    with drawing(panels=3 if given else 1, height=4.6) as (drawn, axes):
        drawn.get_layout_engine().set(h_pad=0.12)
        drawn.suptitle(f"{found.model}: {new} as the shadow of {old}, {found.requests:,} requests", x=0.01, ha="left")
        if isinstance(compared, ByClass):
            shown = frequent(compared, _MOST_CLASSES)
            _confusion(axes[0], shown, old, new)
            _agreement(axes[1], shown, old, new)
        elif isinstance(given, Numbers):
            difference = given.new - given.old
            known = np.isfinite(difference)
            _along(drawn, axes[0], given.old[known], difference[known], f"{new} - {old}", old)
            _spread(axes[1], difference[known], f"{new} - {old}")
        _latency(axes[-1], found, old, new)
    return drawn


def _confusion(axes: Any, found: ByClass, old: str, new: str) -> None:
    counts = np.array(found.counts)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.grid(visible=False)
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.55 else INK
        axes.text(column, row, f"{count:,}", ha="center", va="center", color=colour, fontsize=9)
    ticks, names = range(len(found.classes)), [short(each, _LONGEST) for each in found.classes]
    axes.set_xticks(ticks, names, rotation=_slant(names))
    axes.set_yticks(ticks, names)
    axes.set(title=f"Same label: {found.agreement:.1%} of {found.rows:,} rows", xlabel=f"{new}, rows", ylabel=old)


def _agreement(axes: Any, found: ByClass, old: str, new: str) -> None:
    names = [name for name in found.classes if name in found.of_class]
    shares = [100 * found.of_class[name] for name in names]
    bars = axes.barh([short(name, _LONGEST) for name in names], shares, color=BLUE, height=0.6)
    axes.bar_label(bars, fmt="%.1f", padding=3)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set(title="Agreement by class", xlabel=f"rows to which {new} gives the same, %", ylabel=f"class by {old}")
    axes.set(xlim=(0, 112), xticks=range(0, 101, 20))


def _along(drawn: Any, axes: Any, before: Floats, difference: Floats, what: str, old: str) -> None:
    cloud(drawn, axes, before, difference, alpha=0.4)
    axes.axhline(0.0, color=INK, linewidth=0.8)
    running_mean(axes, before, difference)
    axes.set(title="Differences along the answers", xlabel=f"answer of {old}", ylabel=what)
    axes.legend()


def _spread(axes: Any, difference: Floats, what: str) -> None:
    axes.hist(difference, bins=bins(len(difference)), color=BLUE)
    if len(difference):
        axes.axvline(difference.mean(), color=ORANGE, linewidth=1.8, label=f"mean {difference.mean():.3g}")
        axes.legend()
    axes.set(title="How the differences are spread", xlabel=what, ylabel="rows")


def _latency(axes: Any, found: Comparison, old: str, new: str) -> None:
    sides = ((old, found.old_ms, BLUE), (f"{new}, shadow", found.new_ms, ORANGE))
    for place, (name, values, colour) in enumerate(sides):
        where = np.arange(len(values)) + (place - 0.5) * _BAR
        bars = axes.bar(where, list(values.values()), width=_BAR, color=colour, label=name)
        axes.bar_label(bars, [f"{each:.3g}" for each in values.values()], padding=2, fontsize=9)
    axes.set_xticks(range(len(found.old_ms)), [f"p{level}" for level in found.old_ms])
    axes.grid(visible=False, axis="x")
    axes.margins(y=0.25)
    axes.set(title="Latency", ylabel="ms")
    axes.legend(loc="upper left")


def _slant(names: Sequence[str]) -> int:
    return 0 if sum(map(len, names)) <= _ABREAST else 45
