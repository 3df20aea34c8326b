"""Drift of each column over time, as a table of columns by reports. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cuelight.operations.reports import Report

TOGETHER = "columns together"  # no column, but how all of them hang together
MOST_REPORTS, MOST_COLUMNS = 20, 40
_LEVELS = (2.0, 4.0, 8.0, 16.0)  # scores from which a cell is one shade darker


@dataclass(frozen=True)
class Cell:
    """One column in a report: its score, in standard deviations of what sound windows stray, and its shade (0 to 4)."""

    score: float
    level: int
    drifted: bool
    test: str

    @property
    def text(self) -> str:
        """The score, short."""
        return f"{self.score:.0f}" if abs(self.score) >= 10 else f"{self.score:.1f}"


@dataclass(frozen=True)
class Row:
    """One column through all reports; None where a report did not test it."""

    column: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class HeatMap:
    """Reports, the newest first, and the columns, the furthest strayed first; `left` of them are not shown."""

    reports: tuple[Report, ...]
    rows: tuple[Row, ...]
    left: int


def heat_map(reports: Sequence[Report]) -> HeatMap:
    """The newest reports (given the newest first) with the columns that any of them tested."""
    shown = tuple(each for each in reports if each.window_end is not None)[:MOST_REPORTS]
    tested = [_tested(each) for each in shown]
    names = list(dict.fromkeys(name for columns in tested for name in columns))
    rows = [Row(name, tuple(columns.get(name) for columns in tested)) for name in names]
    rows.sort(key=_strayed, reverse=True)
    return HeatMap(shown, tuple(rows[:MOST_COLUMNS]), max(0, len(rows) - MOST_COLUMNS))


def level(score: float) -> int:
    """How dark a score is shown: 0 to 4."""
    return sum(score >= limit for limit in _LEVELS)


def _tested(report: Report) -> dict[str, Cell]:
    columns: Sequence[dict[str, Any]] = report.columns.get("tested", ()) if isinstance(report.columns, dict) else ()
    return {each["column"]: _cell(each) for each in columns if each.get("z") is not None}


def _cell(column: dict[str, Any]) -> Cell:
    score = float(column["z"])
    return Cell(score, level(score), bool(column.get("drifted")), str(column.get("test") or ""))


def _strayed(row: Row) -> tuple[float, float]:
    """By the newest report, then by the furthest of all."""
    scores = [float("-inf") if each is None else each.score for each in row.cells]
    return scores[0], max(scores)
