"""Figures of how quality goes on in time: the chief figure of each group, and how many labels it rests on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from cuelight.journal.groups import Group
from cuelight.pipelines.plots.style import SERIES, drawing, short

_CHIEF = ("log_loss", "accuracy", "f1", "mae", "r2", "rmse")
_SHOWN = 2
_LONGEST = 24  # letters of a group's name


def figure(model: str, found: Sequence[Group]) -> Any:
    """The two chief figures of quality, each group a line, and in a third panel the share of rows that have a label.

    A window without enough labels interrupts the line. More groups than the style has colours are left out: those with
    the fewest rows.
    """
    lines = _lines(found)
    there = {name for each in found if each.quality for name in each.quality.figures}
    names = [name for name in _CHIEF if name in there][:_SHOWN]
    with drawing(panels=len(names) + 1, height=4.6) as (drawn, axes):
        drawn.suptitle(f"{model}: quality of labelled rows", x=0.01, ha="left")
        for name, panel in zip(names, axes, strict=False):
            for colour, (title, line) in zip(SERIES, lines, strict=False):
                values = [each.quality.figures.get(name) if each.quality else None for each in line]
                _draw(panel, line, values, colour, title)
            panel.set(title=name)
        for colour, (title, line) in zip(SERIES, lines, strict=False):
            _draw(axes[-1], line, [100 * each.labelled / each.predicted for each in line], colour, title)
        axes[-1].set(title="Labelled", ylabel="rows with a label, %", ylim=(0, 105))
        axes[-1].legend()
        for panel in axes:
            panel.tick_params(axis="x", rotation=30)
    return drawn


def _lines(found: Iterable[Group]) -> list[tuple[str, list[Group]]]:
    """The groups of one key in the order of time, with its name; those with the most rows first."""
    lines: dict[tuple[Any, ...], list[Group]] = defaultdict(list)
    for each in found:
        lines[tuple(each.key.values())].append(each)
    ranked = sorted(lines.values(), key=lambda line: -sum(each.predicted for each in line))
    return [(_title(line[0]), line) for line in ranked]


def _draw(axes: Any, line: Sequence[Group], values: Sequence[float | None], colour: str, title: str) -> None:
    moments = [datetime.fromtimestamp(each.since or 0.0, UTC) for each in line]
    gaps = [float("nan") if each is None else each for each in values]
    axes.plot(moments, gaps, color=colour, label=title, marker="o", markersize=3.5, linewidth=1.6)


def _title(group: Group) -> str:
    text = ", ".join(f"{name} {'(none)' if value is None else value}" for name, value in group.key.items())
    return short(text, _LONGEST)
