"""All rules on one window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scipy import stats

from benchmarks.drifts.populations import Rows, columns
from benchmarks.drifts.rules import evidently, psi
from benchmarks.drifts.rules.cuelight import Cuelight
from cuelight.monitoring.drift.statistics import compare
from cuelight.monitoring.examination.columns import Column, Kind

CUELIGHT = "Cuelight"
EVIDENTLY, EVIDENTLY_SHARE = "Evidently, a column", "Evidently, half of them"
PSI = {0.1: "PSI ≥ 0.1", 0.25: "PSI ≥ 0.25"}
BONFERRONI, STRICT = "Bonferroni KS", "Bonferroni KS, 3 %"  # at 5 %, and at the share that `monitoring.q` allows
RULES = (CUELIGHT, EVIDENTLY, EVIDENTLY_SHARE, *PSI.values(), BONFERRONI, STRICT)
_LEVELS = {BONFERRONI: 0.05, STRICT: 0.03}


@dataclass(frozen=True)
class _Single:
    """What the other rules know of one column."""

    flagged: bool
    psi: float
    p_value: float


class Panel:
    """The rules for one reference and windows of one size."""

    def __init__(self, reference: Rows) -> None:
        self._reference = reference
        self._cuelight = Cuelight.of(reference)
        self._window, self._singles = reference, dict[str, _Single]()

    def alarms(self, window: Rows) -> Mapping[str, bool | None]:
        """Rule to whether it alarms; None: it says that there is not enough data."""
        judged = self._cuelight.judged(window)
        plain = self._reference.groups is None and self._reference.times is None
        known = {each.name: each.comparison.p_value for each in judged if each.kind is Kind.CATEGORICAL and plain}
        singles = self._look(window, known).values()
        least = min(each.p_value for each in singles) * len(singles)
        return {
            CUELIGHT: self._cuelight.alarms(window, judged),
            EVIDENTLY: any(each.flagged for each in singles),
            EVIDENTLY_SHARE: sum(each.flagged for each in singles) >= evidently.SHARE * len(singles),
            **{name: max(each.psi for each in singles) >= threshold for threshold, name in PSI.items()},
            **{name: least <= level for name, level in _LEVELS.items()},
        }

    def _look(self, window: Rows, tested: Mapping[str, float]) -> Mapping[str, _Single]:
        """By column; those that a change left as they were in the window before it are not looked at again.

        `tested`: p-values of categories that are known, since Cuelight has made the same tests of the same rows.
        """
        same = {name for name in self._singles if window.values[name] is self._window.values[name]}
        fresh = {
            column.name: _single(column, tested)
            for column in columns(self._reference, window)
            if column.name not in same
        }
        if same:
            return {**self._singles, **fresh}
        self._window, self._singles = window, fresh
        return fresh


def _single(column: Column, tested: Mapping[str, float]) -> _Single:
    p_value = tested[column.name] if column.name in tested else _p_value(column)
    return _Single(evidently.flagged(column), psi.index(column), p_value)


def _p_value(column: Column) -> float:
    if column.kind is Kind.CATEGORICAL:
        return compare(column).p_value
    before, now = (side[column.present(side)] for side in (column.reference, column.current))
    return float(stats.ks_2samp(before, now, method="asymp").pvalue)
