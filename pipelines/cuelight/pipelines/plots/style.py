"""One look for all figures. Drawn without pyplot, so nothing is kept and threads don't meet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

BLUE, ORANGE, GREEN, GREY, INK = "#2f6db5", "#e07b39", "#3a9a6b", "#9aa5b1", "#26323f"
SERIES = (BLUE, ORANGE, GREEN, "#8a5fb0", "#c9485b", "#4aa3b8", "#b59b2f", "#6b7785")
_STYLE = {
    "figure.dpi": 120,
    "figure.facecolor": "white",
    "font.size": 10,
    "text.color": INK,
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6eaee",
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
}


@contextmanager
def drawing(panels: int = 1, height: float = 4.2, width: float = 5.2) -> Iterator[tuple[Any, list[Any]]]:
    """A figure with so many panels side by side (sizes of one panel in inches), and its axes."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width * panels, height), layout="constrained")
        axes = figure.subplots(1, panels, squeeze=False)[0]
        yield figure, list(axes)


def short(text: str, longest: int) -> str:
    """A name in no more than so many letters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
