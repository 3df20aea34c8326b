"""What a drift job found and did, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msgspec import structs

from cuelight.monitoring.drift.judgement import ColumnDrift
from cuelight.monitoring.reports.report import plain
from cuelight.monitoring.verdicts.assessment import Assessment
from cuelight.monitoring.windows.baseline import REFERENCE_NAME, Baseline
from cuelight.monitoring.windows.extent import Extent
from cuelight.monitoring.windows.targets import Target
from cuelight.monitoring.windows.window import Window
from cuelight.operations.figures import Figures

_LARGEST = 1e9  # a column without any spread in its reference has strayed infinitely far


@dataclass(frozen=True)
class Outcome:
    """One job's outcome; times in seconds since the epoch.

    Attributes:
        run_id, link: the run in MLflow and the report in it; empty when MLflow did not take it.
        request: id of the retrain request this job made, if it did.
        notes: what did not go as it should; one sentence each, as in the next two.
        reference: what the window was held against.
        changes: what is otherwise than in the last report.
        prospects: what will happen next.
        window: which rows they were, as `monitoring.window` says it.
        against: what they were compared with: `against_rows` rows of it.
    """

    model: str
    version: int
    at: float
    window_start: float | None
    window_end: float | None
    rows: int
    labelled: int
    labels_until: float | None
    assessment: Assessment
    run_id: str = ""
    link: str = ""
    request: int | None = None
    notes: tuple[str, ...] = ()
    reference: str = ""
    changes: tuple[str, ...] = ()
    prospects: tuple[str, ...] = ()
    window: str = ""
    against: str = REFERENCE_NAME
    against_rows: int = 0

    @classmethod
    def of(
        cls, target: Target, at: float, window: Window, extent: Extent, baseline: Baseline, assessment: Assessment
    ) -> Outcome:
        """What a window of the target came to: `extent` says which rows they were, `baseline` held against what."""
        return cls(
            model=target.model,
            version=target.version,
            at=at,
            window_start=window.start,
            window_end=window.end,
            rows=window.size,
            labelled=len(window.labelled),
            labels_until=window.labels_until,
            assessment=assessment,
            window=str(extent),
            against=baseline.name,
            against_rows=len(baseline.rows),
        )

    @property
    def verdict(self) -> str:
        """The rule's word."""
        return self.assessment.decision.verdict.value

    @property
    def sentence(self) -> str:
        """The verdict with its reason."""
        return f"{self.verdict}: {self.assessment.decision.reason}"

    def figures(self) -> Figures:
        """The numbers that are worth a plot over time."""
        columns, performance = self.assessment.columns, self.assessment.performance
        found = Figures(
            model=self.model,
            version=self.version,
            at=self.at,
            verdict=self.verdict,
            rows=self.rows,
            labelled=self.labelled,
            drifted=sum(bool(each.drifted) for each in columns),
            scores={each.name: max(-_LARGEST, min(_LARGEST, float(each.z))) for each in columns},
        )
        if performance is None:
            return found
        return structs.replace(
            found,
            quality={name: float(value) for name, value in performance.metrics.items()},
            loss=float(performance.current),
            reference_loss=float(performance.reference),
            loss_score=float(performance.z),
        )

    def document(self) -> dict[str, Any]:
        """The same for JSON: no NaN, no infinity."""
        decision, performance = self.assessment.decision, self.assessment.performance
        document: dict[str, Any] = plain(
            {
                "model": self.model,
                "version": self.version,
                "at": self.at,
                "window": {"start": self.window_start, "end": self.window_end, "rows": self.rows, "kind": self.window},
                "against": {"name": self.against, "rows": self.against_rows},
                "verdict": self.verdict,
                "reason": decision.reason,
                "signals": decision.signals,
                "retrain": decision.retrain,
                "request": self.request,
                "columns": figures(self.assessment.columns),
                "segments": segments(self.assessment),
                "findings": [
                    {"column": each.column, "fault": each.fault.value, "alert": each.alert, "text": each.text}
                    for each in self.assessment.examination.findings
                ],
                "estimate": self.assessment.estimate and self.assessment.estimate.__dict__,
                "performance": performance and {**performance.__dict__, "metrics": dict(performance.metrics)},
                "labelled": {"rows": self.labelled, "until": self.labels_until},
                "run_id": self.run_id,
                "link": self.link,
                "notes": self.notes,
                "reference": self.reference,
                "changes": self.changes,
                "next": self.prospects,
            }
        )
        return document


def segments(assessment: Assessment) -> dict[str, Any]:
    """The verdict on each segment, and its columns."""
    return {
        name: {"verdict": each.decision.verdict.value, "reason": each.decision.reason, "columns": figures(each.columns)}
        for name, each in assessment.segments.items()
    }


def figures(columns: tuple[ColumnDrift, ...]) -> list[dict[str, Any]]:
    """The judged columns, the most drifted first, as JSON can hold them."""
    found: list[dict[str, Any]] = plain(
        [
            {
                "column": each.name,
                "kind": each.kind.value,
                "test": each.comparison.test,
                "p": each.comparison.p_value,
                "adjusted_p": each.adjusted_p,
                "distance": each.comparison.distance,
                "z": each.z,
                "drifted": each.drifted,
                "weight": each.weight,
                "carriers": each.carriers,
            }
            for each in columns
        ]
    )
    return found
