"""The front page of a report: what people read first. HTML that loads nothing and runs nothing."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cuelight.kit.clock import utc
from cuelight.monitoring.drift.judgement import ColumnDrift
from cuelight.monitoring.examination.findings import Finding
from cuelight.monitoring.reports.drawings import HEIGHT, WIDTH, Drawing, draw
from cuelight.monitoring.reports.outcome import Outcome

if TYPE_CHECKING:
    from jinja2 import Template

FRONT = "report.html"
_LOOKED_AT = 3


@dataclass(frozen=True)
class Place:
    """Where a report lies: the address of its run in MLflow, the files beside it, and how Evidently's plots were made.

    `sampled` is one sentence; empty where there is no page of Evidently's. `trend_url` draws all
    reports on the version.
    """

    run_url: str
    files: tuple[str, ...] = ()
    sampled: str = ""
    trend_url: str = ""

    def version_url(self, model: str, version: int) -> str:
        """The version's page on the same server."""
        return f"{self.run_url.partition('/#/')[0]}/#/models/{quote(model, safe='')}/versions/{version}"

    def file_url(self, name: str) -> str:
        """A file of the report, in MLflow's view of the run."""
        return f"{self.run_url}/artifacts/reports/{name}"


@dataclass(frozen=True)
class Look:
    """A column to look at, with its plot; `column` is its test, None where its data could not be tested."""

    name: str
    column: ColumnDrift | None
    drawing: Drawing | None
    findings: tuple[Finding, ...]


def front(outcome: Outcome, place: Place) -> str:
    """The page."""
    return _template().render(
        outcome=outcome,
        decision=outcome.assessment.decision,
        columns=outcome.assessment.columns,
        findings=outcome.assessment.examination.findings,
        segments=outcome.assessment.segments,
        performance=outcome.assessment.performance,
        looks=looks(outcome),
        place=place,
    )


def looks(outcome: Outcome) -> list[Look]:
    """The three columns to look at: those that carry the verdict, then those that strayed furthest."""
    assessment = outcome.assessment
    tested = {each.name: each for each in assessment.columns if not each.is_joint}
    arrays = {each.name: each for each in assessment.examination.columns}
    named = dict.fromkeys([*assessment.decision.ranked, *tested])
    for segment, part in assessment.segments.items():
        tested |= {f"{segment}: {each.name}": each for each in part.columns}
        arrays |= {f"{segment}: {each.name}": each for each in part.examination.columns}
    return [
        Look(
            name=name,
            column=tested.get(name),
            drawing=draw(arrays[name]) if name in arrays else None,
            findings=tuple(each for each in assessment.examination.findings if each.column == name),
        )
        for name in list(named)[:_LOOKED_AT]
    ]


def standing(column: ColumnDrift) -> str:
    """A column's part in the verdict in a word; empty: none."""
    return "drifted" if column.drifted else "close" if column.suspicious else ""


def number(value: float | None) -> str:
    """Three digits; nothing where nothing is known."""
    return "" if value is None else f"{value:.3g}"


def percent(value: float | None) -> str:
    """A share in whole percent."""
    return "" if value is None else f"{value:.0%}"


@functools.cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(moment=utc, number=number, percent=percent)
    known: dict[str, Any] = {"standing": standing, "width": WIDTH, "height": HEIGHT}
    return environment.from_string(Path(__file__).with_suffix(".html").read_text(encoding="utf-8"), globals=known)
