"""The picture: how many answers a version that fails gives until it is rolled back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.rollbacks.records import Figures, Real

_COLOURS = ("#b9c4c9", "#0b6e6e", "#c8973a")


def draw(figures: Figures, path: Path) -> None:
    """Write the picture as SVG: medians of simulated bakes, lines up to the 90th percentile, dots for real rollbacks.

    Raises:
        ValueError: the figures hold no real rollbacks.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    places = list(dict.fromkeys(each.where for each in figures.real))
    if not places:
        raise ValueError("These figures hold no real rollbacks: nothing can be drawn.")
    plt.rcParams.update(
        {"svg.fonttype": "none", "svg.hashsalt": "cuelight", "font.size": 8.5, "font.family": "sans-serif"}
    )
    figure, axes = plt.subplots(1, len(places), figsize=(9.2, 3.2), squeeze=False, sharey=True)
    for axis, where in zip(axes.ravel(), places, strict=True):
        _panel(axis, figures, where)
    axes[0, 0].set_ylabel("answers by the failing version")
    axes[0, -1].legend(frameon=False, fontsize=8, title="requests")
    figure.suptitle(
        "Until it is rolled back: simulated median and 90th percentile, and rollbacks on real workers", fontsize=10
    )
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", facecolor="white", metadata={"Date": None})
    plt.close(figure)


def _panel(axis: Any, figures: Figures, where: str) -> None:
    kinds = list(dict.fromkeys(each.what for each in figures.real))
    rates = sorted({each.rate for each in figures.worse})
    for index, rate in enumerate(rates):
        for place, what in enumerate(kinds):
            at = place + 0.26 * (index - (len(rates) - 1) / 2)
            _bar(axis, figures, (where, what, rate), at, _COLOURS[index % len(_COLOURS)], place == 0)
    axis.set_xticks(range(len(kinds)), kinds)
    axis.set_title(where, loc="left", fontweight="bold")
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(axis="x", length=0)


def _bar(axis: Any, figures: Figures, which: tuple[str, str, float], at: float, colour: str, named: bool) -> None:
    for cell in figures.worse:
        if (cell.where, cell.what, cell.rate) == which and cell.candidate[0] is not None:
            label = f"{cell.rate:g} a second" if named else None
            axis.bar(at, cell.candidate[0], 0.24, color=colour, label=label)
            axis.vlines(at, cell.candidate[0], cell.candidate[1] or cell.candidate[0], color="#555555", linewidth=0.8)
    dots = [each.candidate for each in figures.real if _is(each, which)]
    axis.plot([at] * len(dots), dots, "o", color="#222222", markersize=3, markerfacecolor="white", linewidth=0)


def _is(real: Real, which: tuple[str, str, float]) -> bool:
    return (real.where, real.what, real.rate) == which
