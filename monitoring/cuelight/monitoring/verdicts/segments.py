"""Segments of a window, such as its regions: each against the same part of what the whole is compared with. Pure.

All tests of a report are corrected as one family, the whole's and those of its segments, so that driftless reports
alarm no more often for having segments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cuelight.kit.errors import NotFound
from cuelight.kit.settings import Settings
from cuelight.monitoring.examination.columns import INPUT, PERSONAL, texts
from cuelight.monitoring.examination.findings import Fault, Finding
from cuelight.monitoring.verdicts.assessment import Assessment, Case, assess_together
from cuelight.monitoring.verdicts.rule import Decision
from cuelight.operations.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd

LEAST_ROWS = 200  # of either side, for a segment to be judged by itself
MOST = 20  # segments, those with the most rows
_NAMED = 3
_WELL = (Verdict.OK, Verdict.WATCH)


@dataclass(frozen=True)
class Split:
    """The segments of a case by name, such as `region=south`, and what to say of rows that are in none."""

    cases: Mapping[str, Case]
    left_out: tuple[Finding, ...] = ()


def assess(case: Case, settings: Settings) -> Assessment:
    """Judge a window, and its segments by `monitoring.by` if that names a column.

    Segments alarm, and don't retrain: that is for the whole to ask for. Quality on labels is the whole's as well.

    Raises:
        NotFound: there is no such column; the message names those there are.
    """
    by = settings.monitoring_by
    if not by or len(case.rows) < settings.monitoring_min_rows:
        return assess_together([case], settings)[0]
    parts = split(case, by)
    whole, *found = assess_together([case, *parts.cases.values()], settings)
    segments = dict(zip(parts.cases, found, strict=True))
    examination = replace(whole.examination, findings=(*whole.examination.findings, *parts.left_out))
    decision = combine(whole.decision, segments, by)
    return replace(whole, decision=decision, examination=examination, segments=segments)


def split(case: Case, by: str) -> Split:
    """The largest segments of a window that have enough rows on both sides.

    Raises:
        NotFound: what the window is compared with has no such column.
    """
    name = by if by.startswith(INPUT) else INPUT + by
    label = name.removeprefix(INPUT)
    if PERSONAL + label in case.rows:
        text = f"{label} is personal: the journal does not hold it, so there are no segments"
        return Split({}, (Finding(name, Fault.NOT_TESTED, False, text),))
    if name not in case.reference:
        known = [str(each).removeprefix(INPUT) for each in case.reference if str(each).startswith(INPUT)]
        raise NotFound(f"There is no input {label!r} to segment by (monitoring.by). There are: {', '.join(known)}.")
    if name not in case.rows:
        return Split({})  # bad data, as the whole will say
    here, there = (Counter(texts(side[name])) for side in (case.rows, case.compared.rows))
    here.pop(None, None)
    enough = [value for value, rows in here.most_common() if min(rows, there[value]) >= LEAST_ROWS]
    taken = enough[:MOST]
    return Split({f"{label}={value}": _part(case, name, value) for value in taken}, _left_out(name, here, taken))


def combine(whole: Decision, segments: Mapping[str, Assessment], by: str) -> Decision:
    """The whole's decision, with what segments found told first where the whole found nothing."""
    if whole.verdict in (Verdict.NOT_ENOUGH_DATA, Verdict.BAD_DATA):
        return whole
    for verdict, what in ((Verdict.BAD_DATA, "Bad data"), (Verdict.DRIFT, "Drift")):
        found = {name: each for name, each in segments.items() if each.decision.verdict is verdict}
        if not found:
            continue
        told = "; ".join(_told(name, each) for name, each in list(found.items())[:_NAMED])
        said = f"{what} in {len(found)} of {len(segments)} segments by {by.removeprefix(INPUT)}: {told}"
        ranked = tuple(f"{name}: {column}" for name, each in found.items() for column in each.decision.ranked)
        if whole.verdict in _WELL:
            return replace(whole, verdict=verdict, reason=f"{said}. All rows: {whole.reason}", ranked=ranked)
        return replace(whole, reason=f"{whole.reason} {said}.", ranked=(*whole.ranked, *ranked))
    count = f", nor in any of {len(segments)} segments by {by.removeprefix(INPUT)}." if segments else "."
    return replace(whole, reason=whole.reason.removesuffix(".") + count) if whole.verdict is Verdict.OK else whole


def _told(name: str, found: Assessment) -> str:
    """What a segment found, without the full stop."""
    if found.decision.verdict is Verdict.BAD_DATA:
        return f"{name}: {found.examination.alerts[0].text}"
    drifted = [each for each in found.columns if each.drifted]
    named = ", ".join(f"{each.label} (z {each.z:.1f})" for each in drifted[:_NAMED])
    more = f" and {len(drifted) - _NAMED} more" if len(drifted) > _NAMED else ""
    return f"{name}: {named}{more}"


def _part(case: Case, name: str, value: str) -> Case:
    """One segment: the column that says so is the same in all its rows, and left out."""
    baseline = case.baseline and replace(case.baseline, rows=_only(case.baseline.rows, name, value))
    return replace(
        case,
        reference=_only(case.reference, name, value),
        rows=_only(case.rows, name, value),
        labelled=case.labelled.iloc[:0],
        earlier=(),
        baseline=baseline,
        least=LEAST_ROWS,
    )


def _only(frame: pd.DataFrame, name: str, value: str) -> pd.DataFrame:
    return frame[texts(frame[name]) == value].drop(columns=name)


def _left_out(name: str, here: Counter[Any], taken: Sequence[str]) -> tuple[Finding, ...]:
    """One note about the values that are no segment of their own."""
    others = {value: rows for value, rows in here.items() if value not in taken}
    if not others:
        return ()
    named = ", ".join([*map(str, list(others)[:_NAMED]), *(["…"] if len(others) > _NAMED else [])])
    few = f"fewer than {LEAST_ROWS} rows here or before" if len(taken) < MOST else f"beyond {MOST} segments"
    text = f"{len(others):,} values of {name} ({named}) are judged with the whole alone: {few}"
    return (Finding(name, Fault.NOT_TESTED, False, text),)
