"""The schedule for people and programs: what is next, and what happened. Pure but for the printing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from cuelight.cli import exit_codes, output
from cuelight.kit.clock import utc
from cuelight.monitoring.schedule.plans import ASK, DRIFT

if TYPE_CHECKING:
    from cuelight.operations.jobs import Job
    from cuelight.operations.leases import Lease
    from cuelight.operations.reports import Report
    from cuelight.operations.retraining import RetrainRequest

_WORDS = {code: verdict for verdict, code in exit_codes.OF_VERDICT.items() if code}
_WORDS[exit_codes.BUSY] = "busy elsewhere"


def outcome(job: Job, leads: bool, report: Report | None = None) -> str:
    """How a job's last run ended, in a word or two.

    Args:
        leads: a scheduler is at work; without one nothing runs.
        report: the model's newest drift report.
    """
    if job.began is None:
        return ""
    if job.is_open:
        return "running" if leads else "cut off"
    if job.code is None:
        return "cut off" if job.failures else "stopped"
    if job.failures:
        return f"failed, code {job.code}"
    if job.name.startswith(ASK):
        return "asked for"
    if not job.name.startswith(DRIFT):
        return "failed, and told so" if job.code else "carried out"
    if job.code:
        return _WORDS[job.code]
    return report.verdict if report and report.at >= job.began else "nothing new"


def document(
    jobs: Sequence[Job],
    lease: Lease | None,
    reports: Mapping[str, Report | None],
    waiting: Mapping[str, RetrainRequest | None],
    now: float,
) -> dict[str, Any]:
    """All of it, for programs; times in seconds since the epoch. `lease` is the scheduler's, whoever had it last.

    `waiting` holds by model the retraining whose challenger waits in Staging.
    """
    leads = lease is not None and lease.expires > now
    rows = []
    for job in jobs:
        kind, _, model = job.name.partition(":")
        took = None if job.began is None or job.ended is None else job.ended - job.began
        found = outcome(job, leads, reports.get(job.name))
        retry_at = job.next_at if job.failures else None
        rows.append({"kind": kind, "model": model, **asdict(job), "outcome": found, "took": took, "retry_at": retry_at})
    holder = {"holder": lease.holder, "until": lease.expires} if lease and leads else None
    challengers = [
        {"model": model, "version": each.detail["version"], "since": each.finished_at, "request": each.id}
        for model, each in waiting.items()
        if each is not None
    ]
    return {"scheduler": holder, "jobs": rows, "challengers": challengers}


def show(found: Mapping[str, Any], now: float) -> None:
    """Print it as a table, with the logs of the last runs below."""
    console = output.console()
    console.print(Text(_leader(found["scheduler"])), soft_wrap=True)
    if not found["jobs"]:
        console.print("No job is known yet: the scheduler notes them when a model is in Production.")
        return
    table = Table("Job", "Turns", "Next (UTC)", "Last began (UTC)", "Took", "Outcome", box=None, pad_edge=False)
    for each in found["jobs"]:
        took = "" if each["took"] is None else f"{each['took']:.0f} s"
        tries = f" ({each['failures']} in a row)" if each["failures"] > 1 else ""
        cells = (each["name"], each["line"], _next(each, now), _moment(each["began"]), took, each["outcome"] + tries)
        table.add_row(*map(Text, cells))
    output.show(table)
    for each in found["challengers"]:
        who, since = f"{each['model']}: version {each['version']}", utc(each["since"])
        console.print(Text(f"{who} waits in Staging since {since}; promote or archive it."), soft_wrap=True)
    for each in found["jobs"]:
        if each["log"]:
            console.print(Text(f"Log of {each['name']} on {each['host']}: {each['log']}", style="dim"), soft_wrap=True)


def _leader(scheduler: Mapping[str, Any] | None) -> str:
    if scheduler is None:
        return "No scheduler is at work: nothing is started, and no alert is sent."
    host, process, _ = scheduler["holder"].rsplit(":", 2)
    return f"The scheduler on {host}, process {process}, leads."


def _next(each: Mapping[str, Any], now: float) -> str:
    if each["next_at"] is None:
        return ""
    return ("retry " if each["retry_at"] else "") + ("now" if each["next_at"] <= now else utc(each["next_at"]))


def _moment(at: float | None) -> str:
    return "" if at is None else utc(at)
