"""One column's distribution in a report's window, beside the reference that the report held it against."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cuelight.journal.query import Journal, Query
from cuelight.kit.errors import NotFound
from cuelight.monitoring.examination.columns import kind_of, pair
from cuelight.monitoring.reports.drawings import Drawing, draw
from cuelight.monitoring.windows.baseline import REFERENCE_NAME
from cuelight.operations.reports import Report

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Distribution:
    """`column` in the window of `report`: `rows` of it that the journal still has, of `of` in the reference."""

    column: str
    report: Report
    drawing: Drawing
    rows: int
    of: int
    note: str = ""


def chosen(reports: Sequence[Report], column: str, at: str) -> Report:
    """The report made at that moment (epoch seconds as text), else the newest, among those that tested the column.

    Raises:
        NotFound: none has.
    """
    tested = [each for each in reports if any(one["column"] == column for one in each.columns.get("tested", ()))]
    if not tested:
        raise NotFound(f"No report has tested a column {column!r}.")
    return next((each for each in tested if f"{each.at:.3f}" == at), tested[0])


def distribution(journal: Journal, reference: pd.DataFrame, report: Report, column: str) -> Distribution:
    """The column on both sides.

    Raises:
        NotFound: it is none that has values of its own, or the journal has its rows no more.
    """
    if column not in reference or (kind := kind_of(reference[column])) is None:
        raise NotFound(f"{column!r} has no distribution to draw: the report compared it otherwise.")
    until = math.nextafter(report.window_end or 0.0, math.inf)
    query = Query(report.model, report.version, since=report.window_start, until=until, last_rows=report.rows)
    rows = journal.rows(query, [column])
    if column not in rows or not len(rows):
        raise NotFound("The journal has the rows of this report no more.")
    drawing = draw(pair(column, kind, reference[column], rows[column]))
    against = report.columns.get("against", REFERENCE_NAME)
    note = "" if against == REFERENCE_NAME else f"The report held it against {against}; what is drawn is the reference."
    return Distribution(column, report, drawing, len(rows), len(reference), note)
