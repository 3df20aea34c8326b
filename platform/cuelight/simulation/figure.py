"""The picture of a simulation: quality with the loop and without, and below it what the loop did."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cuelight.pipelines.plots.style import BLUE, GREEN, GREY, ORANGE, drawing
from cuelight.simulation.result import Result


def save(result: Result, path: Path, title: str = "") -> None:
    """Draw it into a .png or .svg; the same result gives the same bytes."""
    import matplotlib as mpl

    vector = path.suffix.lower() == ".svg"
    with mpl.rc_context({"svg.hashsalt": "cuelight", "svg.fonttype": "none"}):
        figure(result, title).savefig(path, metadata={"Date": None} if vector else None)


def figure(result: Result, title: str = "") -> Any:
    """The primary metric over time, twice; lines down where a version took over; marks for alarms and requests."""
    with drawing(height=4.8, width=9.0) as (drawn, (axes,)):
        axes.set(title=title or f"{result.model}: {result.worth.metric} with the loop and without")
        moments = [_moment(at) for at, _ in result.trend]
        axes.plot(moments, [each.frozen for _, each in result.trend], color=GREY, linewidth=1.8, label="first version")
        axes.plot(moments, [each.loop for _, each in result.trend], color=BLUE, linewidth=1.8, label="with the loop")
        for number, each in enumerate(each for each in result.retrainings if each.promoted_at is not None):
            label = "" if number else "a version takes over"
            axes.axvline(_moment(each.promoted_at or 0.0), color=GREEN, linewidth=1.0, linestyle="--", label=label)
        _marks(axes, [each.at for each, _ in result.windows if each.alarm], ORANGE, "|", 0.02, "alarm")
        _marks(axes, [each.asked_at for each in result.retrainings], GREEN, "^", 0.06, "retraining asked for")
        axes.tick_params(axis="x", rotation=30)
        axes.legend(loc="upper left", fontsize=9, ncols=2)
        axes.margins(y=0.22)
    return drawn


def _marks(axes: Any, moments: list[float], colour: str, marker: str, height: float, label: str) -> None:
    """Marks at a share of the panel's height."""
    if moments:
        places = [_moment(each) for each in moments]
        way = axes.get_xaxis_transform()
        axes.plot(places, [height] * len(places), marker, color=colour, markersize=7, transform=way, label=label)


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
