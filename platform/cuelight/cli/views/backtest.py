"""A backtest for people: a line a window, and the sum of it all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from cuelight.cli import output
from cuelight.kit.clock import utc

if TYPE_CHECKING:
    from cuelight.monitoring.backtests.backtest import Plan, Step
    from cuelight.monitoring.reports.outcome import Outcome

_STYLES = {"drift": "bold yellow", "degraded": "bold red", "bad data": "bold magenta", "not enough data": "dim"}
_MOST_NAMED = 3


def show(plan: Plan, steps: Sequence[Step]) -> None:
    """Print each window's verdict and what would have followed; moments at which nothing was new are only counted."""
    console = output.console()
    against = "the reference" if plan.against == "reference" else plan.against
    console.print(Text(f"{plan.model}: windows of {plan.window} against {against}, judged as they were then.\n"))
    table = Table(box=None, pad_edge=False)
    for heading in ("judged at (UTC)", "version", "rows", "labelled", "verdict", "columns"):
        table.add_column(heading, justify="right" if heading in ("version", "rows", "labelled") else "left")
    table.add_column("what it says, what follows", overflow="fold")
    for step in steps:
        if step.outcome is not None:
            cells = [utc(step.at)[:16], *_window(step.outcome), _said(step)]
            table.add_row(*map(Text, cells), style=_STYLES.get(step.outcome.verdict, ""))
        elif step.note:
            table.add_row(utc(step.at)[:16], "", "", "", "", "", Text(step.note), style="dim")
    if table.row_count:
        output.show(table)
    for sentence in _sums(steps):
        console.print(Text(sentence))


def _window(outcome: Outcome) -> list[str]:
    ranked = outcome.assessment.decision.ranked
    more = f" +{len(ranked) - _MOST_NAMED}" if len(ranked) > _MOST_NAMED else ""
    named = ", ".join(ranked[:_MOST_NAMED]) + more
    return [str(outcome.version), f"{outcome.rows:,}", f"{outcome.labelled:,}", outcome.verdict, named]


def _said(step: Step) -> str:
    said = step.outcome.assessment.decision.reason if step.outcome else ""
    said += "".join(f" Alert: {title}." for title in step.consequence.alerts)
    if step.consequence.ask:
        said += f" Retraining asked for: {step.consequence.ask}."
    elif step.consequence.why_not:
        said += f" {step.consequence.why_not}"
    return said


def _sums(steps: Sequence[Step]) -> Iterator[str]:
    verdicts = Counter(step.outcome.verdict for step in steps if step.outcome)
    counts = ", ".join(f"{count:,} {verdict}" for verdict, count in verdicts.most_common()) or "none with a verdict"
    alerts = sum(len(step.consequence.alerts) for step in steps)
    asked = sum(bool(step.consequence.ask) for step in steps)
    yield f"\n{verdicts.total():,} windows: {counts}. Alerts: {alerts:,}. Retrainings asked for: {asked:,}."
    if still := sum(step.outcome is None and not step.note for step in steps):
        yield f"At {still:,} moments nothing had come since the window before."
