"""`cuelight drift NAME --since 30d --every 1d`: what drift jobs would have said of the past."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cuelight.kit.settings import Settings
    from cuelight.monitoring.backtests.backtest import Plan, Step
    from cuelight.monitoring.windows.baseline import Against
    from cuelight.monitoring.windows.extent import Extent


@dataclass(frozen=True)
class Choice:
    """What the command line says otherwise than the settings; None: as they are."""

    window: Extent | None = None
    against: Against | None = None
    by: str | None = None
    version: int | None = None


@dataclass(frozen=True)
class Span:
    """How far back, and how often; seconds."""

    since: float
    every: float


def run(settings: Settings, name: str, span: Span, choice: Choice, plot: Path | None, as_json: bool) -> None:
    """Play it, print it and, where there is a path, draw it."""
    import time

    from cuelight.cli.views.backtest import show
    from cuelight.monitoring.backtests.backtest import Plan
    from cuelight.monitoring.backtests.moments import moments
    from cuelight.monitoring.windows.baseline import Against
    from cuelight.monitoring.windows.extent import Extent

    own, now = settings.of(name), time.time()
    plan = Plan(
        model=name,
        moments=moments(now - span.since, now, span.every),
        window=choice.window or Extent.of(own),
        against=choice.against or Against(own.monitoring_against),
        version=choice.version,
        by=choice.by,
    )
    steps = _played(settings, plan)
    if plot:
        _draw(plan, steps, own.monitoring_z, plot)
    if as_json:
        click.echo(json.dumps([step.document() for step in steps], indent=2, allow_nan=False))
    else:
        show(plan, steps)


def _played(settings: Settings, plan: Plan) -> list[Step]:
    """All steps; how far it is is shown on a terminal."""
    from cuelight.cli import compose, output
    from cuelight.journal.query import Journal
    from cuelight.monitoring.backtests.backtest import Backtest

    compose.compactor(settings).run_once()
    journal = Journal(settings.journal_folder)
    backtest = Backtest(settings, compose.targets(settings), compose.references(settings), journal)
    return list(output.steps(backtest.play(plan), "Judging windows", len(plan.moments)))


def _draw(plan: Plan, steps: Sequence[Step], threshold: float, path: Path) -> None:
    from cuelight.pipelines.plots.windows import Scored, figure

    scored = [
        Scored(step.at, step.outcome.verdict, {each.name: each.z for each in step.outcome.assessment.columns})
        for step in steps
        if step.outcome
    ]
    figure(f"{plan.model}: windows of {plan.window}", scored, threshold).savefig(path)
