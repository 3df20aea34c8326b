"""What changed since the last report on a version, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cuelight.kit.clock import utc
from cuelight.monitoring.reports.outcome import Outcome
from cuelight.operations.reports import Report

_NAMED = 8


def changes(outcome: Outcome, earlier: Sequence[Report]) -> tuple[str, ...]:
    """Verdict and drifted columns next to the reports before, which come newest first, on the same version."""
    if not earlier:
        return (f"This is the first report on version {outcome.version}.",)
    return (_verdict(outcome.verdict, earlier), *_columns(outcome, earlier))


def _verdict(now: str, earlier: Sequence[Report]) -> str:
    """The verdict before and since when, or since when it is the same."""
    before = earlier[0].verdict
    count = next((index for index, each in enumerate(earlier) if each.verdict != before), len(earlier))
    since = f"since {utc(earlier[count - 1].at)} UTC"
    if before == now:
        return f"The verdict is {now} {since}: {count + 1} reports running."
    return f"The verdict was {before} {since}, in {count} report{'s' if count > 1 else ''}; now it is {now}."


def _columns(outcome: Outcome, earlier: Sequence[Report]) -> list[str]:
    """Newly drifted, drifted as before, recovered: next to the last report that tested columns."""
    last = next((each for each in earlier if each.columns.get("tested")), None)
    if last is None or not outcome.assessment.columns:
        return []
    before = {each["column"]: bool(each["drifted"]) for each in last.columns["tested"]}
    drifted = [each.name for each in outcome.assessment.columns if each.drifted]
    kept = [each.name for each in outcome.assessment.columns if not each.drifted]
    found = {
        "Newly drifted": [name for name in drifted if not before.get(name)],
        "Recovered": [name for name in kept if before.get(name)],
        "Drifted as before": [name for name in drifted if before.get(name)],
    }
    when = "" if last is earlier[0] else f" (next to the report of {utc(last.at)} UTC, the last that tested columns)"
    said = [f"{what}{when}: {_named(names)}." for what, names in found.items() if names]
    return said or [f"No column has drifted, now or then{when}."]


def _named(names: Iterable[str]) -> str:
    listed = list(names)
    more = len(listed) - _NAMED
    return ", ".join(listed[:_NAMED]) + (f" and {more} more" if more > 0 else "")
