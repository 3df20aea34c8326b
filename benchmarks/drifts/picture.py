"""The picture: how often each rule alarms without drift, and how often it finds one, by size of the window."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.drifts import aims, real
from benchmarks.drifts.changes import CHANGES, NONE
from benchmarks.drifts.conditions import MIXED, REFERENCE
from benchmarks.drifts.records import Figures, Found
from benchmarks.drifts.rules.panel import BONFERRONI, CUELIGHT, EVIDENTLY, EVIDENTLY_SHARE, PSI, RULES, STRICT

_COLOURS = {
    CUELIGHT: "#0b6e6e",
    EVIDENTLY: "#c8553a",
    EVIDENTLY_SHARE: "#e0a58f",
    PSI[0.1]: "#c8973a",
    PSI[0.25]: "#e3cf9c",
    BONFERRONI: "#5b6b8c",
    STRICT: "#8fa3c7",
}
_WIDTH = 20


def draw(figures: Figures, path: Path) -> None:
    """Write the picture as SVG: above, a dot a cell without drift; below, what is found in the mixed table.

    Raises:
        ValueError: the figures hold no drift in the mixed table of 20 columns.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    drawn = [each for each in figures.found if each.world not in {story.name for story in real.STORIES}]
    mixed = [each for each in drawn if (each.world, each.columns, each.reference) == (MIXED.name, _WIDTH, REFERENCE)]
    sizes = sorted({each.rows for each in mixed if each.what != NONE})
    if not sizes:
        raise ValueError(f"Nothing is drawn: drift in the mixed table of {_WIDTH} columns is not measured yet.")
    plt.rcParams.update(
        {"svg.fonttype": "none", "svg.hashsalt": "cuelight", "font.size": 8.5, "font.family": "sans-serif"}
    )
    figure = plt.figure(figsize=(9.2, 5.8), layout="constrained")
    grid = figure.add_gridspec(2, len(sizes), height_ratios=(1, 1.25))
    _quiet(figure.add_subplot(grid[0, :]), drawn)
    for index, rows in enumerate(sizes):
        axis = figure.add_subplot(grid[1, index])
        _found(axis, [each for each in mixed if each.rows == rows])
        axis.set_title(f"{_WIDTH} columns, {rows:,} rows", loc="left", fontweight="bold", fontsize=8.5)
        if index == len(sizes) // 2:
            axis.set_xlabel(
                "percent found; hollow: alarms on more than 5 % without drift, and not by chance", fontsize=7
            )
        if index:
            axis.set_yticklabels([])
    figure.legend(*figure.axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", facecolor="white", metadata={"Date": None})
    plt.close(figure)


def _quiet(axis: Any, found: Sequence[Found]) -> None:
    cells = [each for each in found if each.what == NONE]
    for place, rule in enumerate(reversed(RULES)):
        shares = [100 * (each.counted.share(rule) or 0.0) for each in cells]
        # a little apart, always alike: dots on top of each other would hide how many there are
        places = [place + 0.5 * ((7 * index) % 11 / 10 - 0.5) for index in range(len(cells))]
        axis.plot(shares, places, "o", color=_COLOURS[rule], markersize=3, alpha=0.75, linewidth=0)
    axis.axvline(100 * aims.MOST, color="#555555", linewidth=0.8, linestyle=":")
    axis.set_yticks(range(len(RULES)), list(reversed(RULES)))
    axis.set_title(
        "Windows without drift, percent that alarm: a dot a cell", loc="left", fontweight="bold", fontsize=8.5
    )
    _plain(axis)


def _found(axis: Any, found: Sequence[Found]) -> None:
    quiet = next((each for each in found if each.what == NONE), None)
    names = [name for name in reversed(CHANGES) if any(each.what == name for each in found)]
    for rule in RULES:
        shares = [100 * (next(e for e in found if e.what == name).counted.share(rule) or 0.0) for name in names]
        trusted = quiet is not None and aims.keeps(quiet, rule)
        face = _COLOURS[rule] if trusted else "white"
        style = {"color": _COLOURS[rule], "markerfacecolor": face, "markersize": 4.5, "linewidth": 0}
        axis.plot(shares, range(len(names)), "o", label=rule, zorder=3 if rule == CUELIGHT else 2, **style)
    axis.set_yticks(range(len(names)), names)
    _plain(axis)


def _plain(axis: Any) -> None:
    axis.set_xlim(-3, 103)
    axis.grid(axis="y", color="#eeeeee", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
