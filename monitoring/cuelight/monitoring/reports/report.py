"""Evidently's pages with Cuelight's results, made by a process of its own (`rendering.py`).

It gets the results of *all* rows, each with the verdict's own word on the column, and a seeded sample of the rows for
its plots. So the pages can't say something else than the verdict, and its memory does not grow with the window.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cuelight.kit.errors import CuelightError
from cuelight.monitoring.drift.judgement import ColumnDrift
from cuelight.monitoring.examination.columns import Column, Kind
from cuelight.monitoring.quality.performance import Labelled

if TYPE_CHECKING:
    import pandas as pd

PAGE, QUALITY_PAGE, DATA = "drift.html", "quality.html", "drift.json"
ORDER = "order.json"
SIDES, LABELLED = ("reference.parquet", "current.parquet"), ("labelled-reference.parquet", "labelled-current.parquet")
_SEED = 20_240
_SECONDS = 600.0
# Evidently reads this when it is imported, and sends nothing.
QUIET = {"DO_NOT_TRACK": "1", "MPLBACKEND": "Agg"}


@dataclass(frozen=True)
class Page:
    """What the report says besides its columns.

    Attributes:
        title: the model, its version and the window.
        verdict, reason: the rule's.
        q: threshold that the page shows for the tests.
        plot_rows: rows of either side that are drawn.
        drawn: how they were chosen, in a sentence.
    """

    title: str
    verdict: str
    reason: str
    q: float
    plot_rows: int
    drawn: str = ""


@dataclass(frozen=True)
class Result:
    """What Evidently shows of a column: the p-value on all its rows, and whether it drifted by the verdict."""

    kind: Kind
    p_value: float
    drifted: bool


class NotRendered(CuelightError):
    """Evidently could not make the page; the verdict does not depend on it."""


def write(
    page: Page,
    columns: Sequence[Column],
    judged: Sequence[ColumnDrift],
    folder: Path,
    labelled: Labelled | None = None,
) -> list[Path]:
    """Make the pages and `drift.json` in `folder` in a process of its own; their paths, the drift page first.

    The quality page is made where there are labels and Evidently can draw them.

    Raises:
        NotRendered: there is no column to show, or the process failed; the text says why.
    """
    if not columns:
        raise NotRendered("There is no column that Evidently could show.")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as draft:
        _hand_over(page, columns, judged, labelled, Path(draft))
        _run(Path(draft))
        made = [name for name in (PAGE, QUALITY_PAGE, DATA) if (Path(draft) / name).is_file()]
        return [(Path(draft) / name).replace(folder / name) for name in made]


def _run(folder: Path) -> None:
    command = [sys.executable, "-m", "cuelight.monitoring.reports.rendering", str(folder)]
    environment = os.environ | QUIET
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise NotRendered(f"Evidently took longer than {_SECONDS:.0f} s.") from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise NotRendered(f"Evidently failed with exit code {done.returncode}: {said[:300]}")


def sampled(columns: Sequence[Column], plot_rows: int) -> str:
    """How Evidently's plots are drawn, in a sentence."""
    before, now = len(columns[0].reference), len(columns[0].current)
    if max(before, now) <= plot_rows:
        return "Evidently's tests and plots use all rows."
    return (
        f"Evidently's tests use all rows; its plots are drawn on {min(before, plot_rows):,} rows of the reference and "
        f"{min(now, plot_rows):,} of the window, taken at random (seed {_SEED})."
    )


def plain(value: Any) -> Any:
    """The same as JSON can hold it: what is not finite becomes null, NumPy's scalars become Python's."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def samples(columns: Sequence[Column], plot_rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Reference and window as Evidently takes them (float64, and text with None), at most `plot_rows` rows of each."""
    return _sample(columns, "reference", plot_rows), _sample(columns, "current", plot_rows)


def results(judged: Sequence[ColumnDrift]) -> dict[str, Result]:
    """What the page says of each column."""
    return {each.name: Result(each.kind, each.comparison.p_value, bool(each.drifted)) for each in judged}


def _sample(columns: Sequence[Column], side: str, plot_rows: int) -> pd.DataFrame:
    import pandas as pd

    chosen = _chosen(len(getattr(columns[0], side)), plot_rows)
    values: dict[str, Any] = {}
    for column in columns:
        whole = getattr(column, side)
        present, array = column.present(whole), whole[chosen]
        if not column.present(array).any():  # so rare a column that the sample missed it; Evidently can't draw nothing
            array[0] = whole[present.argmax()]
        if column.kind is Kind.CATEGORICAL:
            array = np.array([*column.levels, None], dtype=object)[array]
        values[column.name] = pd.Series(array, dtype=object if column.kind is Kind.CATEGORICAL else np.float64)
    return pd.DataFrame(values)


def _chosen(rows: int, most: int) -> np.ndarray[Any, Any]:
    """Numbers of the rows that are drawn, in their order."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(_SEED).choice(rows, most, replace=False))


def _hand_over(
    page: Page, columns: Sequence[Column], judged: Sequence[ColumnDrift], labelled: Labelled | None, folder: Path
) -> None:
    for frame, name in zip(samples(columns, page.plot_rows), SIDES, strict=True):
        frame.to_parquet(folder / name)
    order = {
        "page": page.__dict__,
        "results": {name: each.__dict__ for name, each in results(judged).items()},
        "classes": labelled.classes if labelled else None,
    }
    if labelled:
        for frame, name in zip((labelled.reference, labelled.current), LABELLED, strict=True):
            frame.iloc[_chosen(len(frame), page.plot_rows)].to_parquet(folder / name)
    (folder / ORDER).write_text(json.dumps(order), encoding="utf-8")
