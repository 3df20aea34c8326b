"""Cuelight's rule, by its own functions: tests, calibration, judgement, verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cuelight.kit.settings import Settings
from cuelight.monitoring.drift.calibration import Null, calibrate
from cuelight.monitoring.drift.judgement import ColumnDrift, judge
from cuelight.monitoring.examination.columns import Column
from cuelight.monitoring.verdicts.rule import Evidence, decide
from cuelight.monitoring.verdicts.verdict import Verdict

_ALARMS = (Verdict.DRIFT, Verdict.DEGRADED, Verdict.BAD_DATA)


@dataclass(frozen=True)
class Cuelight:
    """The rule for windows of one size, calibrated once on their reference."""

    settings: Settings
    nulls: Mapping[str, Null]

    @classmethod
    def calibrated(cls, columns: Sequence[Column], settings: Settings | None = None) -> Cuelight:
        """By the first window's columns: its reference and its size."""
        return cls(settings or Settings(), calibrate(columns, len(columns[0].current)))

    def judged(self, columns: Sequence[Column]) -> list[ColumnDrift]:
        """Each column's test, and whether it has drifted."""
        return judge(columns, self.settings.monitoring_q, self.settings.monitoring_z, nulls=self.nulls)

    def alarms(self, columns: Sequence[Column], judged: Sequence[ColumnDrift]) -> bool | None:
        """Whether the report would alarm; None: there is not enough data to say.

        What the model uses is taken to be unknown, so that every feature counts; there are no labels.
        """
        evidence = Evidence(
            rows=len(columns[0].current),
            reference_rows=len(columns[0].reference),
            alerts=(),
            columns=judged,
            performance=None,
            earlier=(),
            min_rows=self.settings.monitoring_min_rows,
        )
        verdict = decide(evidence).verdict
        return None if verdict is Verdict.NOT_ENOUGH_DATA else verdict in _ALARMS
