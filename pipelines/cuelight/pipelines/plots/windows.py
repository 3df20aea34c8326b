"""Figure of a backtest: the verdict of each window, and how far its columns strayed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cuelight.operations.verdict import Verdict
from cuelight.pipelines.plots.style import BLUE, GREEN, GREY, INK, ORANGE, SERIES, drawing, short

_VERDICTS = {
    Verdict.OK: GREEN,
    Verdict.WATCH: BLUE,
    Verdict.DRIFT: ORANGE,
    Verdict.DEGRADED: "#c9485b",
    Verdict.BAD_DATA: "#8a5fb0",
    Verdict.NOT_ENOUGH_DATA: GREY,
}
_LONGEST = 28  # letters of a column's name


@dataclass(frozen=True)
class Scored:
    """A window: when it was judged (epoch s), its verdict, and each column's score in standard deviations."""

    at: float
    verdict: str
    scores: Mapping[str, float]


def figure(title: str, windows: Sequence[Scored], threshold: float) -> Any:
    """The columns that strayed furthest, each a line, over a row of marks: one a window, in the verdict's colour.

    Scores are drawn on a scale that is logarithmic above the threshold, beyond which a column may have drifted.
    """
    moments = [datetime.fromtimestamp(each.at, UTC) for each in windows]
    with drawing(height=4.8, width=9.0) as (drawn, (axes,)):
        axes.set(title=title, ylabel="standard deviations above driftless windows")
        for colour, name in zip(SERIES, _furthest(windows), strict=False):
            values = [each.scores.get(name, float("nan")) for each in windows]
            axes.plot(
                moments, values, color=colour, label=short(name, _LONGEST), marker="o", markersize=3, linewidth=1.5
            )
        axes.axhline(threshold, color=INK, linewidth=1.0, linestyle="--")
        axes.set_yscale("symlog", linthresh=threshold)
        for verdict, colour in _VERDICTS.items():
            places = [moment for moment, each in zip(moments, windows, strict=True) if each.verdict == verdict]
            if places:
                way = axes.get_xaxis_transform()
                axes.plot(
                    places, [0.03] * len(places), "s", color=colour, markersize=8, transform=way, label=verdict.value
                )
        axes.margins(y=0.25)
        axes.tick_params(axis="x", rotation=30)
        if windows:
            axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9)
    return drawn


def _furthest(windows: Sequence[Scored]) -> list[str]:
    """Names of columns, those first that strayed furthest in any window."""
    furthest: dict[str, float] = {}
    for each in windows:
        for name, score in each.scores.items():
            furthest[name] = max(score, furthest.get(name, score))
    return sorted(furthest, key=lambda name: -furthest[name])
