"""The picture: quality over time with the loop and without, one panel a case, its first stream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.loops.records import Figures, Loop
from benchmarks.loops.tables import by_case

_WITHOUT, _WITH, _TAKEOVER = "#9aa5b1", "#0b6e6e", "#c8973a"
_ABREAST = 2


def draw(figures: Figures, path: Path) -> None:
    """Write the picture as SVG: streams that drift.

    Raises:
        ValueError: the figures hold none.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    shown = [mine[0] for mine in by_case([each for each in figures.loops if each.drifts]).values()]
    if not shown:
        raise ValueError("These figures hold no stream that drifts: nothing can be drawn.")
    plt.rcParams.update(
        {"svg.fonttype": "none", "svg.hashsalt": "cuelight", "font.size": 8.5, "font.family": "sans-serif"}
    )
    rows = -(-len(shown) // _ABREAST)
    figure, axes = plt.subplots(rows, _ABREAST, figsize=(9.2, 2.5 * rows), squeeze=False)
    for axis, each in zip(axes.ravel(), shown, strict=False):
        _panel(axis, each)
    for axis in axes.ravel()[len(shown) :]:
        axis.set_visible(False)
    axes[0, 0].legend(frameon=False, fontsize=7, loc="upper left")
    axes[0, 0].margins(y=0.35)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", facecolor="white", metadata={"Date": None})
    plt.close(figure)


def _panel(axis: Any, loop: Loop) -> None:
    days = [each[0] for each in loop.trend]
    axis.plot(days, [each[2] for each in loop.trend], color=_WITHOUT, linewidth=1.6, label="the first version")
    axis.plot(days, [each[1] for each in loop.trend], color=_WITH, linewidth=1.6, label="with the loop")
    for number, day in enumerate(loop.takeovers):
        label = "" if number else "a version takes over"
        axis.axvline(day, color=_TAKEOVER, linewidth=0.9, linestyle="--", label=label)
    axis.set_title(loop.case, loc="left", fontweight="bold")
    axis.set(xlabel="days", ylabel=loop.metric)
    axis.spines[["top", "right"]].set_visible(False)
