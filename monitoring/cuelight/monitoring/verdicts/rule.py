"""The verdict: a pure function from what was measured to one word, one sentence, and whether to retrain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cuelight.monitoring.drift.judgement import ColumnDrift
from cuelight.monitoring.examination.findings import Finding
from cuelight.monitoring.quality.estimate import Estimate
from cuelight.monitoring.quality.performance import LEAST_LABELS, Performance
from cuelight.monitoring.windows.baseline import REFERENCE_NAME
from cuelight.operations.verdict import Verdict

DATA, PREDICTION, QUALITY = "data", "prediction", "quality"
# Drifted features that carry less of the model's answer than this together are watched, not alarmed on.
LEAST_WEIGHT = 0.05
_NAMED = 3


@dataclass(frozen=True)
class Earlier:
    """An earlier report on the same version, as far as the rule looks back.

    Attributes:
        signals: what it found, by `data`, `prediction` and `quality`.
        rows_since: rows predicted between the end of its window and the end of the next newer one.
        labels_since: labels that came between it and the next newer report.
        judged: False for a report without statistics (too few rows, bad data).
    """

    signals: Mapping[str, bool]
    rows_since: int
    labels_since: int = 0
    judged: bool = True


@dataclass(frozen=True)
class Evidence:
    """All that the rule may look at. `earlier` is newest first.

    Attributes:
        compared_rows: rows that the window is compared with; `against` names them.
        min_rows, min_compared: what either side needs to be judged.
        estimate: quality without labels; told beside drift, and never what decides.
    """

    rows: int
    compared_rows: int
    alerts: Sequence[Finding]
    columns: Sequence[ColumnDrift]
    performance: Performance | None
    earlier: Sequence[Earlier]
    min_rows: int
    min_compared: int = 2
    against: str = REFERENCE_NAME
    estimate: Estimate | None = None


@dataclass(frozen=True)
class Decision:
    """The outcome.

    Attributes:
        reason: one sentence that names the columns, the most drifted first.
        signals: `data` (features), `prediction` (what the model answers), `quality` (on labels).
        retrain: why a retraining is wanted; empty: it is not.
        ranked: the columns that carry the verdict.
    """

    verdict: Verdict
    reason: str
    signals: Mapping[str, bool]
    retrain: str = ""
    ranked: tuple[str, ...] = ()


def decide(evidence: Evidence) -> Decision:
    """Quality of the data first, then what was lost on labels, then drift; features alone never retrain."""
    signals = _signals(evidence)
    nothing = dict.fromkeys(signals, False)
    if evidence.rows < evidence.min_rows:
        reason = f"The window has {evidence.rows:,} rows; {evidence.min_rows:,} are needed to judge it."
        return Decision(Verdict.NOT_ENOUGH_DATA, reason, nothing)
    if evidence.alerts:
        named = "; ".join(each.text for each in evidence.alerts[:_NAMED])
        more = len(evidence.alerts) - _NAMED
        reason = f"Data quality: {named}{f'; and {more} more' if more > 0 else ''}."
        ranked = tuple(dict.fromkeys(each.column for each in evidence.alerts))
        return Decision(Verdict.BAD_DATA, reason, nothing, ranked=ranked)
    if evidence.compared_rows < evidence.min_compared and not signals[QUALITY]:
        name = f"{evidence.against[0].upper()}{evidence.against[1:]}"
        found = f"{name} has {evidence.compared_rows:,} rows; {evidence.min_compared:,} are needed to compare with"
        return Decision(Verdict.NOT_ENOUGH_DATA, f"{found}.", nothing)
    drifted = [column for column in evidence.columns if column.drifted]
    verdict = _verdict(signals, evidence.columns)
    return Decision(
        verdict=verdict,
        reason=_reason(verdict, evidence, drifted),
        signals=signals,
        retrain=_retrain(signals, evidence),
        ranked=_columns(_close(evidence) if verdict is Verdict.WATCH and not drifted else drifted),
    )


def _signals(evidence: Evidence) -> dict[str, bool]:
    features = [column for column in evidence.columns if column.drifted and not column.is_output]
    known = {column.name: column.weight for column in evidence.columns}
    weights = [known.get(name) for name in _columns(features)]
    heavy = any(weight is None for weight in weights) or sum(weight or 0.0 for weight in weights) >= LEAST_WEIGHT
    return {
        DATA: bool(features) and heavy,
        PREDICTION: any(column.drifted and column.is_output for column in evidence.columns),
        QUALITY: evidence.performance is not None and evidence.performance.lost,
    }


def _verdict(signals: Mapping[str, bool], columns: Sequence[ColumnDrift]) -> Verdict:
    if signals[QUALITY]:
        return Verdict.DEGRADED
    if signals[DATA] or signals[PREDICTION]:
        return Verdict.DRIFT
    return Verdict.WATCH if any(column.drifted or column.suspicious for column in columns) else Verdict.OK


def _reason(verdict: Verdict, evidence: Evidence, drifted: Sequence[ColumnDrift]) -> str:
    against = "" if evidence.against == REFERENCE_NAME else f" against {evidence.against}"
    rows, performance = f"{evidence.rows:,} rows{against}", evidence.performance
    if verdict is Verdict.DEGRADED and performance is not None:
        return f"Quality fell: {performance.text}{f'; {_ranked(drifted)} drifted in {rows}' if drifted else ''}."
    if verdict is Verdict.DRIFT:
        known = performance or evidence.estimate
        quality = f"; {known.text}" if known is not None else ""
        count = sum(not each.is_joint for each in drifted)
        return f"Drift in {rows}: {_ranked(drifted)} ({count} of {_width(evidence)} columns{_alone(count)}){quality}."
    if verdict is Verdict.WATCH:
        near = drifted or _close(evidence)
        why = "drifted, but the model hardly uses what did" if drifted else "came close to drifting"
        return f"{_ranked(near)} {why}, in {rows}."
    return f"No drift in {_width(evidence)} columns over {rows}."


def _close(evidence: Evidence) -> list[ColumnDrift]:
    return [column for column in evidence.columns if column.suspicious]


def _width(evidence: Evidence) -> int:
    return sum(not column.is_joint for column in evidence.columns)


def _alone(count: int) -> str:
    return "" if count else " by themselves"


def _columns(found: Sequence[ColumnDrift]) -> tuple[str, ...]:
    """The columns to look at, each once, in the order of what carries the verdict."""
    return tuple(dict.fromkeys(name for each in found for name in each.columns))


def _ranked(columns: Sequence[ColumnDrift]) -> str:
    named = ", ".join(f"{column.label} (z {column.z:.1f})" for column in columns[:_NAMED])
    more = len(columns) - _NAMED
    return f"{named} and {more} more" if more > 0 else named


def _retrain(signals: Mapping[str, bool], evidence: Evidence) -> str:
    """Quality lost in 2 of the last 3 windows, or features and predictions drifted in two windows running."""
    labels = _separate([(each, each.labels_since) for each in evidence.earlier], LEAST_LABELS)
    if signals[QUALITY] and any(each.signals.get(QUALITY) for each in labels[:2]):
        text = evidence.performance.text if evidence.performance else "labels"
        return f"quality was lost in 2 of the last 3 windows: {text}"
    rows = _separate([(each, each.rows_since) for each in evidence.earlier], evidence.min_rows)
    if _both(signals) and any(_both(each.signals) for each in rows[:1]):
        drifted = [column for column in evidence.columns if column.drifted]
        return f"features and predictions drifted in two windows running: {_ranked(drifted)}"
    return ""


def _both(signals: Mapping[str, bool]) -> bool:
    return signals.get(DATA, False) and signals.get(PREDICTION, False)


def _separate(earlier: Sequence[tuple[Earlier, int]], least: int) -> list[Earlier]:
    """Judged reports that are evidence of their own: enough came between each and the newer one that counts.

    Windows overlap when little was asked in between; the same rows judged twice are one finding, not two.
    """
    kept, between = [], 0
    for each, since in earlier:
        between += since
        if each.judged and between >= least:
            kept.append(each)
            between = 0
    return kept
