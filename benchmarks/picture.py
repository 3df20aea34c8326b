"""The picture of a run: requests a second by server, one panel a model."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from benchmarks import ratios
from benchmarks.ratios import CUELIGHT, number
from benchmarks.records import Results, Single

_OURS, _THEIRS, _CEILING = "#0b6e6e", "#b9c4c9", "#e3dccb"
_VARIANTS = ("Cuelight, journal off", "Cuelight, compile off")


def draw(results: Results, path: Path, connections: int = 8) -> None:
    """Write the picture as SVG: medians of one worker's rounds, with lines from the least to the greatest.

    Raises:
        ValueError: the results hold no single rows with one worker.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    seen = {each.connections for each in results.singles if each.workers == 1}
    if not seen:
        raise ValueError("These results hold no single rows with one worker: nothing can be drawn.")
    connections = connections if connections in seen else min(seen)
    models = list(dict.fromkeys(each.model for each in results.singles))
    plt.rcParams.update(
        {"svg.fonttype": "none", "svg.hashsalt": "cuelight", "font.size": 8.5, "font.family": "sans-serif"}
    )
    lines = (len(models) + 1) // 2
    figure, axes = plt.subplots(lines, min(2, len(models)), figsize=(9.2, 2.9 * lines + 0.5), squeeze=False)
    for axis in axes.ravel():
        axis.set_visible(False)
    cells = {model: _shown(ratios.cell(results, model, 1, connections)) for model in models}
    most = max(map(len, cells.values()))
    for axis, (model, found) in zip(axes.ravel(), cells.items(), strict=False):
        axis.set_visible(True)
        _panel(axis, model, found, most)
    plural = "s" if connections > 1 else ""
    figure.suptitle(f"Requests a second: single rows, {connections} connection{plural}, one worker", fontsize=10)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", facecolor="white", metadata={"Date": None})
    plt.close(figure)


def _shown(found: dict[str, list[Single]]) -> dict[str, list[float]]:
    """The rates of each server but Cuelight's variants, the slowest first."""
    rates = {name: [each.rate for each in rounds] for name, rounds in found.items() if name not in _VARIANTS}
    return dict(sorted(rates.items(), key=lambda each: statistics.median(each[1])))


def _panel(axis: Any, model: str, found: dict[str, list[float]], most: int) -> None:
    """One model's bars, as thick as where there are `most` of them."""
    names, rates = list(found), list(found.values())
    middles = [statistics.median(each) for each in rates]
    spread = [
        [middle - min(each) for middle, each in zip(middles, rates, strict=True)],
        [max(each) - middle for middle, each in zip(middles, rates, strict=True)],
    ]
    axis.barh(names, middles, color=[_colour(each) for each in names], height=0.72)
    axis.errorbar(middles, range(len(names)), xerr=spread, fmt="none", ecolor="#1f2328", elinewidth=0.8, capsize=1.5)
    for index, (middle, each) in enumerate(zip(middles, rates, strict=True)):
        axis.annotate(number(middle), (max(each), index), (5, 0), textcoords="offset points", va="center")
    axis.set_title(model, loc="left", fontweight="bold")
    axis.set_xlim(0, 1.22 * max(map(max, rates)))
    axis.set_ylim(len(names) - most - 0.6, len(names) - 0.4)
    axis.spines[:].set_visible(False)
    axis.tick_params(axis="y", length=0)
    axis.set_xticks([])  # each bar says its number


def _colour(name: str) -> str:
    return _OURS if name == CUELIGHT else _CEILING if "no-op" in name else _THEIRS
