"""Drift reports: what monitoring found in a window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import sqlalchemy as sa

from cuelight.operations.schema import reports


@dataclass(frozen=True)
class Report:
    """A verdict on a window of one version; times in seconds since the epoch.

    `signals` says which of `data`, `prediction` and `quality` were raised; `columns` holds figures per column.
    """

    model: str
    version: int | None
    at: float
    window_start: float | None
    window_end: float | None
    rows: int
    verdict: str
    reason: str
    signals: Mapping[str, bool] = field(default_factory=dict)
    run_id: str = ""
    columns: Any = field(default_factory=dict)


def add(connection: sa.Connection, report: Report) -> None:
    """Keep a report."""
    values = {each.name: getattr(report, each.name) for each in fields(report)}
    values["signals"] = {name: bool(value) for name, value in report.signals.items()}
    connection.execute(sa.insert(reports).values(values))


def read(connection: sa.Connection, model: str, version: int | None, limit: int) -> list[Report]:
    """Reports, the newest first."""
    query = sa.select(reports).where(reports.c.model == model)
    if version is not None:
        query = query.where(reports.c.version == version)
    query = query.order_by(reports.c.at.desc(), reports.c.id.desc()).limit(limit)
    return [Report(*row[1:]) for row in connection.execute(query)]
