"""What is judged: rows that a version answered of late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cuelight.journal.query import Journal, Query
from cuelight.monitoring.windows.targets import Target

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Window:
    """Rows of one version in the order of time, those among its rows that have labels, and the moments of both.

    Attributes:
        rows: the journal's columns; may be empty.
        labelled: the newest labelled rows of the version, as many at most, with `label`.
        start, end: first and last event time of `rows`; None without rows.
        labels_until: when the last of the labels came; None without labels.
    """

    rows: pd.DataFrame
    labelled: pd.DataFrame
    start: float | None
    end: float | None
    labels_until: float | None


def read_window(journal: Journal, target: Target, last_rows: int, since: float | None = None) -> Window:
    """The newest `last_rows` rows that the version answered, and its newest labelled ones, both since a moment."""
    query = Query(target.model, version=target.version, track=target.track or None, since=since, last_rows=last_rows)
    rows = journal.rows(query)
    start, end = (float(rows["time"].min()), float(rows["time"].max())) if len(rows) else (None, None)
    labelled = journal.labelled(query)
    return Window(rows, labelled, start, end, float(labelled["label_time"].max()) if len(labelled) else None)
