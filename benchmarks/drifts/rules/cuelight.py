"""Cuelight's rule, by its own functions: which rows are alike, tests, calibration, judgement, verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.drifts.populations import Rows, columns
from cuelight.kit.settings import Settings
from cuelight.monitoring.drift.calibration import Nulls, calibrate
from cuelight.monitoring.drift.judgement import ColumnDrift, judge
from cuelight.monitoring.examination.likeness import GROUP, TIME, Cycle, Likeness, likeness
from cuelight.monitoring.verdicts.rule import Evidence, decide
from cuelight.operations.verdict import Verdict

_ALARMS = (Verdict.DRIFT, Verdict.DEGRADED, Verdict.BAD_DATA)


@dataclass
class Cuelight:
    """The rule for windows of one size, and of the same hours where there are seasons.

    So one calibration serves for all: a drift job would make it anew where other rows are picked of the same hours.
    """

    reference: Rows
    settings: Settings
    _nulls: Nulls | None = None

    @classmethod
    def of(cls, reference: Rows) -> Cuelight:
        """With the default settings, and told of groups and seasons as its rows are."""
        cycle = Cycle.NONE if reference.times is None else Cycle.DAILY
        return cls(reference, Settings(monitoring_cycle=cycle.value))

    def judged(self, window: Rows) -> list[ColumnDrift]:
        """Each column's test, and whether it has drifted."""
        like = self._like(window)
        both = columns(self.reference.take(like.rows.index.to_numpy()), window)
        if self._nulls is None:
            self._nulls = calibrate(both, len(window), like.groups)
        return judge(both, self.settings.monitoring_q, self.settings.monitoring_z, nulls=self._nulls)

    def alarms(self, window: Rows, judged: Sequence[ColumnDrift]) -> bool | None:
        """Whether the report would alarm; None: there is not enough data to say.

        What the model uses is taken to be unknown, so that every feature counts; there are no labels.
        """
        evidence = Evidence(
            rows=len(window),
            compared_rows=len(self._like(window).rows),
            alerts=(),
            columns=judged,
            performance=None,
            earlier=(),
            min_rows=self.settings.monitoring_min_rows,
        )
        verdict = decide(evidence).verdict
        return None if verdict is Verdict.NOT_ENOUGH_DATA else verdict in _ALARMS

    def _like(self, window: Rows) -> Likeness:
        return likeness(_marks(self.reference), _marks(window), cycle=Cycle(self.settings.monitoring_cycle))


def _marks(rows: Rows) -> pd.DataFrame:
    """What says which rows are alike: their callers, and when they came."""
    known = {GROUP: rows.groups, TIME: rows.times}
    frame = {name: values for name, values in known.items() if values is not None}
    return pd.DataFrame(frame, index=np.arange(len(rows)))
